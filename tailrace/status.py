"""Reads the status for ``tailrace status``: the log, the read model, its lag, the services, and their problems."""

import asyncio
import re
from importlib.metadata import version
from typing import Any

import asyncpg
import httpx

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError, TailraceError
from migrations.catalogue import Model, list_models
from migrations.generations import upgrade_advice
from migrations.lost_log import lost_log
from migrations.pipeline import (
    compare_with_log,
    count_entries,
    find_losses,
    read_live_model,
    read_projector_error,
    read_streams,
)
from migrations.runner import require_current_schema
from runtime.access.keys import authorization
from runtime.log.connect import connect_log
from runtime.log.errors import StreamMissingError
from runtime.postgres import UNAVAILABLE, as_sentence, connected, read_sql
from runtime.settings import Settings
from tailrace.endpoints import ServiceName, service_url
from tailrace.projection_status import read_projections

Status = dict[str, Any]

SERVICES: tuple[ServiceName, ...] = ("command", "projection", "query")
TIMEOUT = 2.5
"""Seconds to wait for each part: longer than a service waits for the log and the database."""
MANY_TYPES = 0.8
"""Share of the possible event types that is a problem: the rest is refused."""
_VERSION = re.compile(r'^tailrace_build_info\{.*?version="([^"]*)"', re.MULTILINE)


async def read_status(settings: Settings, *, max_lag: float | None = None, max_parked: int | None = None) -> Status:
    """Reads everything; ``problems`` has a sentence for each problem.

    Problems are: a part that does not answer, a service that is not ready, no active projector, a read model of another
    log or of an earlier version, a lag over ``max_lag`` seconds, more than ``max_parked`` parked events. A service that
    does not answer is a problem only if the settings name its address: otherwise it may run elsewhere.
    """
    found: Status = {"version": version("tailrace"), "log": None, "read_model": None, "projections": []}
    found |= {"lag_events": None, "lag_seconds": None, "in_per_second": None, "projected_per_second": None}
    problems: list[str] = []
    services = asyncio.create_task(_read_services(settings))
    # the log last: it can only have grown since the model was read, so the lag is never negative
    for read in (_read_model, _read_log):
        try:
            await read(settings, found, problems)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            problems.append(str(as_sentence(error) or error))
    found["services"] = await services
    problems += filter(None, (_service_problem(name, it, settings) for name, it in found["services"].items()))
    problems += [f"the {name} service: {one}" for name, it in found["services"].items() for one in it["warnings"]]
    if model := found["read_model"]:
        minute_ago = model.pop("minute_ago")
        if minute_ago is not None and found["lag_events"] is not None:
            found |= _rates(found["log"], model, minute_ago)
        if found["lag_events"] == 0 and not model["stale"]:
            model["projector_error"] = None  # nothing is left that it could stop at
        problems += _model_problems(model, found["lag_seconds"], max_lag, max_parked)
    return {**found, "problems": problems}


def _model_problems(model: Status, lag: float | None, max_lag: float | None, max_parked: int | None) -> list[str]:
    problems = []
    if error := model["projector_error"]:
        stopped = "" if model["stale"] else f"{model['model']} has stopped at sequence {error['seq']}: "
        problems.append(stopped + error["message"])
    if not model["projectors"]["active"] and not model["stale"]:
        problems.append("no projection service is active: new events are stored in the log but not counted")
    if max_lag is not None and (lag or 0) > max_lag:
        problems.append(f"the oldest unprojected event has been in the log for {lag:,.0f} s (limit: {max_lag:g} s)")
    if max_parked is not None and model["parked"] > max_parked:
        problems.append(
            f"{model['parked']:,} events are parked (limit: {max_parked:,}): `tailrace parked list` shows the reasons"
        )
    return problems


def _service_problem(name: str, service: Status, settings: Settings) -> str | None:
    if service["problem"]:
        return f"the {name} service is not ready: {service['problem']}"
    if not service["answers"] and getattr(settings, f"{name}_url"):
        return (
            f"the {name} service does not answer at {service['url']}; start it, or correct its address "
            f"(TAILRACE_{name.upper()}_URL)"
        )
    return None


def _rates(log: Status, model: Status, minute_ago: "asyncpg.Record") -> Status:
    """Returns events per second since a sample of about a minute ago."""
    seconds = minute_ago["seconds"]
    return {
        "in_per_second": round(max(log["last_seq"] - minute_ago["log_last_seq"], 0) / seconds, 1),
        "projected_per_second": round((model["seq"] - minute_ago["projected_seq"]) / seconds, 1),
    }


async def _read_services(settings: Settings) -> dict[str, Status]:
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, headers=authorization(settings.read_key)) as http:
        found = await asyncio.gather(*(_read_service(http, settings, name) for name in SERVICES))
    return dict(zip(SERVICES, found, strict=True))


async def _read_service(http: httpx.AsyncClient, settings: Settings, name: ServiceName) -> Status:
    """Asks a service for its health and version, the query service also for its live clients."""
    unknown: Status = {"url": None, "answers": False, "problem": None, "warnings": [], "version": None}
    try:
        url = service_url(settings, name)
        health = await http.get(f"{url}/health/ready")
        found: Status = unknown | {"url": url, "answers": True}
        if built := _VERSION.search((await http.get(f"{url}/metrics")).text):
            found["version"] = built[1]
        ready = health.json()
        if health.status_code != 200:
            found["problem"] = ready.get("detail", f"HTTP {health.status_code}")
        found["warnings"] = [*ready.get("warnings", ())]
        if name == "query":
            found["live_clients"] = (await http.get(f"{url}/status")).json().get("live_clients")
    except ConfigurationError:
        return unknown
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return unknown | {"url": url}
    return found


async def _read_log(settings: Settings, found: Status, problems: list[str]) -> None:
    model = found["read_model"]
    position = Cursor(model["epoch"], model["seq"], model["fingerprint"]) if model else None
    async with await connect_log(settings, "status") as client:
        state, lag, error = await compare_with_log(client, position, timeout=TIMEOUT)
        if isinstance(error, StreamMissingError) and position and position.seq:
            error = lost_log(model["model"], position)
        if error:
            problems.append(str(error))
        if state is None:
            return
        streams = await read_streams(client)
        server = client.server_version
    problems += [*find_losses(state), *streams.problems]
    if state.subjects >= MANY_TYPES * settings.max_event_types:
        problems.append(
            f"the log has {state.subjects:,} of at most {settings.max_event_types:,} event types: find out who sends "
            "new ones (`tailrace tail`), or raise TAILRACE_MAX_EVENT_TYPES"
        )
    found |= {"lag_events": lag.events, "lag_seconds": lag.seconds}
    for one in found["projections"]:
        one["lag_events"] = count_entries(one["seq"] + 1, state.last_seq, state.gaps)
    found["log"] = {
        **state._asdict(),
        "server": f"NATS {server}",
        "events": count_entries(state.first_seq, state.last_seq, state.gaps),
        "waiting_in_inbox": streams.inbox_waiting,
        "rejected": streams.rejected,
    }


async def _read_model(settings: Settings, found: Status, problems: list[str]) -> None:
    async with connected(settings.dsn, name="status") as connection:
        await require_current_schema(connection)
        live = await read_live_model(connection)
        counts = await connection.fetchrow("select events, users from all_time where event_type = ''")
        server = await connection.fetchval("show server_version")
        extension = await connection.fetchval("select extversion from pg_extension where extname = 'timescaledb'")
        projectors = await connection.fetchrow(read_sql("tailrace", "projectors"))
        error = await read_projector_error(connection, live.name)
        minute_ago = await connection.fetchrow(read_sql("tailrace", "minute_ago"), live.name)
        models = await list_models(connection)
        others = await _read_other_models(connection, models)
        found["projections"], troubles = await read_projections(connection)
        problems += troubles
    found["read_model"] = {
        "model": live.name,
        "flavour": live.flavour,
        "server": f"PostgreSQL {server}" + (f", TimescaleDB {extension}" if extension else ""),
        "epoch": live.position.epoch,
        "seq": live.position.seq,
        "fingerprint": live.position.fingerprint,
        "cursor": str(live.position) if live.position.epoch else None,
        "logged_at": live.logged_at.isoformat() if live.logged_at else None,
        "revision": live.revision,
        "events": counts["events"] if counts else 0,
        "users": counts["users"] if counts else 0,
        "parked": live.parked,
        "late_pending": live.late_pending,
        "stale": live.stale,
        "projectors": {"active": projectors["active"], "standby": projectors["known"] - projectors["active"]},
        "projector_error": error._asdict() | {"occurred_at": error.occurred_at.isoformat()} if error else None,
        "other_models": others,
        "minute_ago": minute_ago,
    }
    if advice := upgrade_advice(models):
        problems.append(advice)


async def _read_other_models(connection: "asyncpg.Connection", models: list[Model]) -> list[Status]:
    """Reads the models that are not live: newer ones are candidates, older ones are previous models."""
    live = next(model for model in models if model.live)

    async def read(model: Model) -> Status:
        position = await connection.fetchrow(f"select epoch, seq from {model.name}.projection_position")
        role = "candidate" if model.number > live.number else "previous"
        state = model.state if model.is_current or model.state != "ready" else "frozen"
        return {"model": model.name, "role": role, "flavour": model.flavour, "state": state, **dict(position)}

    return [await read(model) for model in models if not model.live]

"""What status tells: the log, the read model, how far apart they are, the services; each asked directly."""

import asyncio
import re
from functools import partial
from importlib.metadata import version
from typing import Any

import asyncpg
import httpx

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError, TailraceError
from migrations.catalogue import Model, list_models
from migrations.pipeline import compare_with_log, count_entries, read_live_model, read_queues
from migrations.runner import require_current_schema
from runtime.log.connect import connect_log, reader_libraries
from runtime.postgres import UNAVAILABLE, as_sentence, connect, read_sql
from runtime.settings import Settings
from tailrace.endpoints import ServiceName, service_url

Status = dict[str, Any]
_sql = partial(read_sql, "tailrace")

SERVICES: tuple[ServiceName, ...] = ("command", "projection", "query")
_BUILT = re.compile(r'^tailrace_build_info\{.*?version="([^"]*)"', re.MULTILINE)
TIMEOUT = 2.5
"""Seconds to wait for each part: slightly longer than a service waits for the log and the database."""


async def read_status(settings: Settings, *, max_lag: float | None = None, max_parked: int | None = None) -> Status:
    """Reads everything; ``problems`` has a sentence for each problem.

    Problems are: a part that does not answer, a service that is not ready, no active projector, a read model of another
    log, a lag over ``max_lag`` seconds, more than ``max_parked`` parked events. A service that does not answer is a
    problem only if the settings name its address: otherwise it may run elsewhere.
    """
    found: Status = {"version": version("tailrace"), "log": None, "read_model": None}
    found |= {"lag_events": None, "lag_seconds": None, "in_per_second": None, "projected_per_second": None}
    problems: list[str] = []
    services = asyncio.create_task(_services(settings))
    # the log last: it can only have grown since the model was read, so the lag is never negative
    for read in (_read_model, _read_log):
        try:
            await read(settings, found, problems)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            problems.append(str(as_sentence(error) or error))
    found["services"] = await services
    problems += filter(None, (_wrong_with(name, it, settings) for name, it in found["services"].items()))
    if found["read_model"]:
        before = found["read_model"].pop("minute_ago")
        if found["log"] and before is not None and found["lag_events"] is not None:
            found |= _rates(found["log"], found["read_model"], before)
        if not found["read_model"]["projectors"]["active"]:
            problems.append("no projection service is at work: what comes is in the log, and not counted")
    if max_lag is not None and (found["lag_seconds"] or 0) > max_lag:
        problems.append(f"the oldest event that is not projected has been in the log for {found['lag_seconds']:,.0f} s")
    if max_parked is not None and found["read_model"] and found["read_model"]["parked"] > max_parked:
        problems.append(f"{found['read_model']['parked']:,} events are parked: `tailrace parked list` tells why")
    return {**found, "problems": problems}


def _wrong_with(name: str, service: Status, settings: Settings) -> str | None:
    if service["problem"]:
        return f"the {name} service is not ready: {service['problem']}"
    if not service["answers"] and getattr(settings, f"{name}_url"):
        return f"the {name} service does not answer at {service['url']}"
    return None


def _rates(log: Status, model: Status, before: "asyncpg.Record") -> Status:
    """Events per second since a sample of about a minute ago."""
    return {
        "in_per_second": round((log["last_seq"] - before["log_last_seq"]) / before["seconds"], 1),
        "projected_per_second": round((model["seq"] - before["projected_seq"]) / before["seconds"], 1),
    }


async def _services(settings: Settings) -> dict[str, Status]:
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
        found = await asyncio.gather(*(_service(http, settings, name) for name in SERVICES))
    return dict(zip(SERVICES, found, strict=True))


async def _service(http: httpx.AsyncClient, settings: Settings, name: ServiceName) -> Status:
    """Whether a service answers, and what is wrong with it where it says so; the query service has live clients."""
    unknown: Status = {"url": None, "answers": False, "problem": None, "version": None}
    try:
        url = service_url(settings, name)
        health = await http.get(f"{url}/health/ready")
        found: Status = unknown | {"url": url, "answers": True}
        if built := _BUILT.search((await http.get(f"{url}/metrics")).text):
            found["version"] = built[1]
        if health.status_code != 200:
            found["problem"] = health.json().get("detail", f"it answers {health.status_code}")
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
    client = await connect_log(settings, "status")
    try:
        state, lag, error = await compare_with_log(client, position, timeout=TIMEOUT)
        if error:
            problems.append(str(error))
        if state is None:
            return
        queues = await read_queues(client)
        server = client.server_version
    finally:
        await client.close()
    found |= {"lag_events": lag.events, "lag_seconds": lag.seconds}
    found["log"] = {
        **state._asdict(),
        "server": f"NATS {server}",
        "events": count_entries(state.first_seq, state.last_seq, state.gaps),
        "waiting_in_inbox": queues.inbox_waiting,
        "rejected": queues.rejected,
        "reader": reader_libraries()[0] if settings.log_library == "auto" else settings.log_library,
    }


async def _read_model(settings: Settings, found: Status, problems: list[str]) -> None:
    connection = await connect(settings.dsn, name="status")
    try:
        await require_current_schema(connection)
        live = await read_live_model(connection)
        counts = await connection.fetchrow("select events, users from all_time where event_type = ''")
        server = await connection.fetchval("show server_version")
        extension = await connection.fetchval("select extversion from pg_extension where extname = 'timescaledb'")
        projectors = await connection.fetchrow(_sql("projectors"))
        minute_ago = await connection.fetchrow(_sql("minute_ago"))
        candidates = [await _candidate(connection, other) for other in await list_models(connection) if not other.live]
    finally:
        await connection.close()
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
        "projectors": {"active": projectors["active"], "standing_by": projectors["known"] - projectors["active"]},
        "beside": candidates,
        "minute_ago": minute_ago,
    }


async def _candidate(connection: "asyncpg.Connection", model: Model) -> Status:
    position = await connection.fetchrow(f"select epoch, seq from {model.name}.projection_position")
    return {"model": model.name, "flavour": model.flavour, "state": model.state, **dict(position)}

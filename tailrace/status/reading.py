"""What status tells: the log, the read model, how far apart they are, the services; each asked directly."""

import asyncio
import re
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

import asyncpg
import httpx

from contracts.cursors import Cursor
from contracts.entries import Gap, uncovered
from contracts.errors import ConfigurationError, TailraceError
from contracts.subjects import INBOX_STREAM, REJECTED_STREAM
from migrations.catalogue import Model, get_live_model, list_models
from migrations.runner import require_current_schema
from runtime.log.connect import connect_log, reader_libraries
from runtime.log.lag import measure_lag
from runtime.log.reader import verify_position
from runtime.postgres import UNAVAILABLE, as_sentence, connect
from runtime.settings import Settings
from runtime.sql import read_sql
from tailrace.endpoints import ServiceName, service_url

Status = dict[str, Any]
_sql = partial(read_sql, "tailrace.status")

SERVICES: tuple[ServiceName, ...] = ("command", "projection", "query")
_BUILT = re.compile(r'^tailrace_build_info\{.*?version="([^"]*)"', re.MULTILINE)
PATIENCE = 2.5
"""Seconds a service gets to answer: a little more than it gives the log and the database."""


async def read_status(settings: Settings, *, max_lag: float | None = None, max_parked: int | None = None) -> Status:
    """Everything that can be learned; what is wrong is a sentence in ``problems``.

    Wrong is what does not answer, a service that says it is not ready, no projector at work, a read model of another
    history, a lag of more than ``max_lag`` seconds and more than ``max_parked`` parked events. A service that does not
    answer is wrong where the settings name its address; at the default one it is shown alone: it may be elsewhere.
    """
    found: Status = {"version": version("tailrace"), "log": None, "read_model": None}
    problems: list[str] = []
    services = asyncio.create_task(_services(settings))
    # the log last: it can only have grown since the model was read, so the lag is never negative
    for name, read in (("read_model", _read_model), ("log", _log)):
        try:
            found[name] = await read(settings)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            problems.append(str(as_sentence(error) or error))
    before = found["read_model"].pop("minute_ago") if found["read_model"] else None
    found |= {"lag_events": None, "lag_seconds": None, "in_per_second": None, "projected_per_second": None}
    if found["log"] and found["read_model"]:
        try:
            found |= await _lag(settings, found["log"], found["read_model"], before)
        except TailraceError as error:
            problems.append(str(error))
    found["services"] = await services
    problems += filter(None, (_wrong_with(name, it, settings) for name, it in found["services"].items()))
    if found["read_model"] and not found["read_model"]["projectors"]["active"]:
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


async def _lag(settings: Settings, log: Status, model: Status, before: "asyncpg.Record | None") -> Status:
    """How far the model is behind, and the rates of the last minute; a position of another history has no lag."""
    projected = Cursor(model["epoch"], model["seq"], model["fingerprint"])
    client = await connect_log(settings, "status")
    try:
        if model["epoch"]:
            await verify_position(client, projected)
        lag = await measure_lag(client, projected)
    finally:
        await client.close()
    rates: Status = {}
    if before is not None:
        rates = {
            "in_per_second": round((log["last_seq"] - before["log_last_seq"]) / before["seconds"], 1),
            "projected_per_second": round((model["seq"] - before["projected_seq"]) / before["seconds"], 1),
        }
    return {
        "lag_events": _entries(model["seq"] + 1, log["last_seq"], log["gaps"]),
        "lag_seconds": lag.seconds,
        **rates,
    }


async def _services(settings: Settings) -> dict[str, Status]:
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
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


async def _log(settings: Settings) -> Status:
    client = await connect_log(settings, "status")
    try:
        state = await client.state()
        inbox = await client.stream_info(INBOX_STREAM)
        rejected = await client.stream_info(REJECTED_STREAM)
        server = client.server_version
    finally:
        await client.close()
    return {
        **state._asdict(),
        "server": f"NATS {server}",
        "events": _entries(state.first_seq, state.last_seq, state.gaps),
        "waiting_in_inbox": inbox["state"]["messages"],
        "rejected": rejected["state"]["messages"],
        "reader": reader_libraries()[0] if settings.log_library == "auto" else settings.log_library,
    }


def _entries(first: int, last: int, gaps: Iterable[Gap]) -> int:
    """How many entries there are between two sequences (inclusive)."""
    return sum(part.last - part.first + 1 for part in uncovered(Gap(first, last), gaps))


async def _read_model(settings: Settings) -> Status:
    connection = await connect(settings.dsn, name="status")
    try:
        await require_current_schema(connection)
        model = await get_live_model(connection)
        position = await connection.fetchrow(
            "select epoch, seq, fingerprint, logged_at, revision from projection_position"
        )
        counts = await connection.fetchrow("select events, users from all_time where event_type = ''")
        parked = await connection.fetchval("select count(*) from parked_events")
        late = await connection.fetchval("select coalesce(sum(events), 0)::bigint from late_ranges")
        server = await connection.fetchval("show server_version")
        extension = await connection.fetchval("select extversion from pg_extension where extname = 'timescaledb'")
        projectors = await connection.fetchrow(_sql("projectors"))
        minute_ago = await connection.fetchrow(_sql("minute_ago"))
        beside = [await _beside(connection, other) for other in await list_models(connection) if not other.live]
    finally:
        await connection.close()
    return {
        "model": model.name,
        "flavour": model.flavour,
        "server": f"PostgreSQL {server}" + (f", TimescaleDB {extension}" if extension else ""),
        "epoch": position["epoch"],
        "seq": position["seq"],
        "fingerprint": position["fingerprint"],
        "cursor": f"{position['epoch']}:{position['seq']}:{position['fingerprint']}" if position["epoch"] else None,
        "logged_at": position["logged_at"].isoformat() if position["logged_at"] else None,
        "revision": position["revision"],
        "events": counts["events"] if counts else 0,
        "users": counts["users"] if counts else 0,
        "parked": parked,
        "late_pending": late,
        "projectors": {"active": projectors["active"], "standing_by": projectors["known"] - projectors["active"]},
        "beside": beside,
        "minute_ago": minute_ago,
    }


async def _beside(connection: "asyncpg.Connection", model: Model) -> Status:
    position = await connection.fetchrow(f"select epoch, seq from {model.name}.projection_position")
    return {"model": model.name, "flavour": model.flavour, "state": model.state, **dict(position)}

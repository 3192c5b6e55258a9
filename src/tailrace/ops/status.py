"""``tailrace status``: the log, the read model, and how far apart they are, each asked directly."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.entries import Gap, uncovered
from tailrace.contracts.errors import TailraceError
from tailrace.contracts.subjects import INBOX_STREAM, REJECTED_STREAM
from tailrace.migrations.models import Model, list_models
from tailrace.migrations.runner import live_model
from tailrace.runtime.log.connect import connect_log, reader_libraries
from tailrace.runtime.log.reader import verify_position
from tailrace.runtime.postgres import UNAVAILABLE, connect
from tailrace.runtime.settings import Settings


async def read_status(settings: Settings) -> dict[str, Any]:
    """Everything that can be learned; what doesn't answer is a sentence in ``problems``."""
    found: dict[str, Any] = {"version": version("tailrace"), "log": None, "read_model": None, "lag_events": None}
    problems: list[str] = []
    # the log last: it can only have grown since the model was read, so the lag is never negative
    for name, read in (("read_model", _read_model), ("log", _log)):
        try:
            found[name] = await read(settings)
        except (TailraceError, *UNAVAILABLE) as error:
            problems.append(str(error))
    log, model = found["log"], found["read_model"]
    if log and model:
        try:
            await _check_history(settings, model)
            found["lag_events"] = _entries(model["seq"] + 1, log["last_seq"], log["gaps"])
        except TailraceError as error:
            problems.append(str(error))
    return {**found, "problems": problems}


async def _check_history(settings: Settings, model: dict[str, Any]) -> None:
    """A position of another history has no lag."""
    if not model["epoch"]:
        return
    client = await connect_log(settings, "status")
    try:
        await verify_position(client, Cursor(model["epoch"], model["seq"], model["mark"]))
    finally:
        await client.close()


async def _log(settings: Settings) -> dict[str, Any]:
    client = await connect_log(settings, "status")
    try:
        state = await client.state()
        inbox = await client.stream_info(INBOX_STREAM)
        rejected = await client.stream_info(REJECTED_STREAM)
    finally:
        await client.close()
    return {
        **state._asdict(),
        "events": _entries(state.first_seq, state.last_seq, state.gaps),
        "waiting_in_inbox": inbox["state"]["messages"],
        "rejected": rejected["state"]["messages"],
        "reader": reader_libraries()[0] if settings.log_library == "auto" else settings.log_library,
    }


def _entries(first: int, last: int, gaps: Iterable[Gap]) -> int:
    """How many entries there are between two sequences (inclusive)."""
    return sum(part.last - part.first + 1 for part in uncovered(Gap(first, last), gaps))


async def _read_model(settings: Settings) -> dict[str, Any]:
    connection = await connect(settings.dsn, name="status")
    try:
        model = await live_model(connection)
        position = await connection.fetchrow("select epoch, seq, mark, logged_at, revision from projection_position")
        counts = await connection.fetchrow("select events, users from all_time where event_type = ''")
        parked = await connection.fetchval("select count(*) from parked_events")
        late = await connection.fetchval("select coalesce(sum(events), 0)::bigint from late_ranges")
        server = await connection.fetchval("show server_version")
        extension = await connection.fetchval("select extversion from pg_extension where extname = 'timescaledb'")
        beside = [await _beside(connection, other) for other in await list_models(connection) if not other.live]
    finally:
        await connection.close()
    return {
        "model": model.name,
        "flavour": model.flavour,
        "server": f"PostgreSQL {server}" + (f", TimescaleDB {extension}" if extension else ""),
        "epoch": position["epoch"],
        "seq": position["seq"],
        "mark": position["mark"],
        "cursor": f"{position['epoch']}:{position['seq']}:{position['mark']}" if position["epoch"] else None,
        "logged_at": position["logged_at"].isoformat() if position["logged_at"] else None,
        "revision": position["revision"],
        "events": counts["events"] if counts else 0,
        "users": counts["users"] if counts else 0,
        "parked": parked,
        "late_pending": late,
        "beside": beside,
    }


async def _beside(connection: "asyncpg.Connection", model: Model) -> dict[str, Any]:
    position = await connection.fetchrow(f"select epoch, seq from {model.name}.projection_position")
    return {"model": model.name, "flavour": model.flavour, "state": model.state, **dict(position)}


def describe(found: dict[str, Any]) -> str:
    """The status for people."""
    table = Table.grid(padding=(0, 2))
    if log := found["log"]:
        table.add_row("log", f"{log['events']:,} events, {log['bytes'] / 1e6:,.1f} MB, epoch {log['epoch']}")
        table.add_row("", f"event types: {log['subjects']:,}; read with {log['reader']}")
        for gap in log["gaps"]:
            table.add_row("", f"entries {gap.first:,} to {gap.last:,} are recorded as lost")
        table.add_row("inbox", f"{log['waiting_in_inbox']:,} waiting, {log['rejected']:,} rejected so far")
    if model := found["read_model"]:
        table.add_row("read model", f"{model['model']}, {model['flavour']} flavour, {model['server']}")
        table.add_row("", f"{model['events']:,} events of {model['users']:,} users, {model['parked']:,} parked")
        if model["late_pending"]:
            table.add_row("", f"{model['late_pending']:,} late events on their way into the aggregates")
        table.add_row("position", model["cursor"] or "nothing projected yet")
        for other in model["beside"]:
            table.add_row(
                "beside", f"{other['model']}, {other['flavour']} flavour, {other['state']}, at {other['seq']:,}"
            )
    if found["lag_events"] is not None:
        table.add_row("lag", f"{found['lag_events']:,} events")
    for problem in found["problems"]:
        table.add_row("problem", problem)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())

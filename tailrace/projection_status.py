"""The part of ``tailrace status`` about the projections that users declare."""

from typing import Any

import asyncpg

from contracts.entries import LogState
from migrations.pipeline import count_entries
from migrations.projections import WORKER, BuildState, list_problems, read_states

Status = dict[str, Any]


async def read_projections(connection: "asyncpg.Connection") -> tuple[list[Status], list[str]]:
    """Returns the state of every build, and a sentence for each problem."""
    states = await read_states(connection)
    problems = await list_problems(connection)
    problems += [f"{one.model} has stopped at sequence {one.seq}: {one.model.error}" for one in states if one.failed]
    working = [one for one in states if one.model.state in ("building", "ready")]
    if working and not await connection.fetchval(
        "select exists (select from pg_stat_activity where datname = current_database() and application_name = $1)",
        f"tailrace-{WORKER}",
    ):
        problems.append(
            f"no worker of projections is active: {len(working)} projections get no new events; "
            "start it with `tailrace serve projections`"
        )
    return [as_status(one) for one in states], problems


def describe_projection(one: Status) -> str:
    """Returns the state of a build as text."""
    readers = ", readers see it" if one["live"] and one["state"] != "live" else ""
    lag = "" if one["lag_events"] is None else f", lag {one['lag_events']:,} events"
    parked = f", {one['parked']:,} parked" if one["parked"] else ""
    return f"{one['name']} version {one['version']}, {one['kind']}, {one['state']}{readers}{lag}{parked}"


def as_status(one: BuildState, log: LogState | None = None) -> Status:
    """Returns the state of a build; its lag is unknown (None) without the log's state."""
    model = one.model
    return {
        "name": model.name,
        "version": model.version,
        "kind": model.kind,
        "state": model.status,
        "live": model.live,
        "seq": one.seq,
        "lag_events": None if log is None else count_entries(one.seq + 1, log.last_seq, log.gaps),
        "parked": one.parked,
        "error": model.error,
    }

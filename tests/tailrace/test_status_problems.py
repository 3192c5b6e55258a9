"""``tailrace status`` names every condition in which events are refused, lost or not counted, and exits with 1."""

import asyncio
import json
import subprocess
from contextlib import suppress

import asyncpg
import pytest
from dirty_equals import IsStr

from contracts.entries import Gap
from contracts.errors import LogFullError
from contracts.subjects import LOG_STREAM, REJECTED_PREFIX, REJECTED_STREAM, subject_of
from migrations.stream_metadata import accept_gap
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import append, log_events, log_raw, some_events
from tests.support.log_damage import allow_deletes, change_stream, delete_entries
from tests.support.processes import TailraceProcess, run_tailrace, running_service, start_service
from tests.support.projector import idle_projector
from tests.support.waiting import until

FILLER = b"x" * 1_000


async def problems(settings: Settings) -> list[str]:
    """Returns the problems that status names beside an active projector."""
    async with idle_projector(settings):
        result = await asyncio.to_thread(run_tailrace, settings, "status", "--json")
    found: list[str] = json.loads(result.stdout)["problems"]
    assert result.returncode == (1 if found else 0)
    return found


async def set_position(connection: asyncpg.Connection, log: LogClient) -> None:
    """Moves the live model to the log's end; a projector would set the stream up again, and forbid deletes."""
    state = await log.state()
    entry = await log.get(state.last_seq)
    assert entry is not None
    moved = "update model_1.projection_position set (epoch, seq, fingerprint) = ($1, $2, $3)"
    await connection.execute(moved, *entry.cursor(state.epoch))


def said(process: TailraceProcess, text: str) -> bool:
    """Waits until a service logs a text, and ends the service."""
    assert process.stderr is not None
    try:
        return any(text in line.decode() for line in process.stderr)
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(
    ("stream", "subject", "problem"),
    [
        (LOG_STREAM, subject_of("filler"), r"the log uses 9\d % of its 65,536 bytes.*TAILRACE_LOG_MAX_BYTES.*"),
        (
            REJECTED_STREAM,
            f"{REJECTED_PREFIX}filler",
            r"the store of rejected messages uses 9\d % of its 65,536 bytes.*it drops the oldest when it is full.*",
        ),
    ],
)
async def test_a_full_stream_is_a_problem(
    log: LogClient, settings: Settings, stream: str, subject: str, problem: str
) -> None:
    await change_stream(log, stream, max_bytes=65_536)
    assert await problems(settings) == []
    with suppress(LogFullError):
        for number in range(100):
            await append(log, subject, FILLER, f"filler {number}")
    assert await problems(settings) == [IsStr(regex=problem)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"max_age": 3_600_000_000_000},
            r"the log deletes entries: its stream has max_age 3600 s.*`tailrace migrate`.*",
        ),
        ({"max_msgs": 1_000}, r"the log deletes entries: its stream has max_msgs 1000.*`tailrace migrate`.*"),
        ({"max_msgs_per_subject": 9}, r"the log deletes entries: its stream has max_msgs_per_subject 9.*"),
    ],
)
async def test_a_limit_that_deletes_entries_is_a_problem_that_migrate_repairs(
    log: LogClient, settings: Settings, changes: dict[str, int], problem: str
) -> None:
    await change_stream(log, LOG_STREAM, **changes)
    assert await problems(settings) == [IsStr(regex=problem)]
    run_tailrace(settings, "migrate")
    assert await problems(settings) == []


async def test_a_log_that_deletes_its_oldest_entries_when_full_is_a_problem(log: LogClient, settings: Settings) -> None:
    await change_stream(log, LOG_STREAM, discard="old")
    assert await problems(settings) == [
        IsStr(regex=r"the log deletes entries: its stream has discard 'old'.*nats stream edit ANALYTICS.*")
    ]


async def test_a_lost_beginning_of_the_log_is_a_problem_until_it_is_accepted(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(5))
    await set_position(connection, log)
    await delete_entries(log, Gap(1, 3))
    assert await problems(settings) == [
        IsStr(regex=r"the log begins at sequence 4.*entries 1 to 3 are gone.*`tailrace log accept-gap 1\.\.3`.*")
    ]
    await accept_gap(log, Gap(1, 3))
    assert await problems(settings) == []


async def test_missing_entries_within_the_log_are_a_problem_until_they_are_accepted(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(9))
    await set_position(connection, log)
    await delete_entries(log, Gap(4, 5))
    assert await problems(settings) == [IsStr(regex="2 entries of the log are gone.*`tailrace verify` names them.*")]
    process = start_service(settings, "serve", "projection", stderr=subprocess.PIPE)
    assert await asyncio.to_thread(said, process, "2 entries of the log are gone")
    await accept_gap(log, Gap(4, 5))
    assert await problems(settings) == []


async def test_a_projector_that_stops_itself_is_a_problem_with_its_reason(log: LogClient, settings: Settings) -> None:
    for number in range(150):
        await log_raw(log, b"no event", f"raw {number}")
    process = start_service(settings, "serve", "projection")
    assert await asyncio.to_thread(process.wait) == 1
    assert await problems(settings) == [
        IsStr(regex=r"model_1 has stopped at sequence 0: 150 of the last 150 log entries can't be projected.*")
    ]


async def test_an_error_that_the_projector_retries_is_a_problem_until_it_is_fixed(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    await connection.execute(
        """
        create function fail() returns trigger language plpgsql as $$ begin perform audit_disk(); return new; end $$;
        create trigger audit before insert on model_1.analytics_events execute function fail();
        """
    )
    with running_service(settings, "serve", "projection"):

        async def named() -> bool:
            found = run_tailrace(settings, "status", "--json")
            return any(
                "model_1 has stopped at sequence 0" in problem and "audit_disk() does not exist" in problem
                for problem in json.loads(found.stdout)["problems"]
            )

        await until(named, timeout=30)
        await connection.execute("drop function fail cascade")

        async def projected() -> bool:
            return run_tailrace(settings, "status").returncode == 0

        await until(projected, timeout=30)

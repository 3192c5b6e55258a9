"""Both flavours of the read model give the same answers to every query of the query side.

Each is compared with a naive count of the same events, so they agree with each other too. The timescale flavour runs
on TimescaleDB in WASM, and also on a native one if ``TAILRACE_TEST_TIMESCALE_DSN`` names it.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.events import Event
from migrations.catalogue import get_live_model
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.query.conftest import QueryService, running_query
from tests.support.events import BASE, TYPES, event, log_event, log_events, log_raw, some_events
from tests.support.projector import merge_user_sets, running_projector, until_projected
from tests.support.recount import read_model, recount_log
from tests.support.servers import NatsServer
from tests.support.stats_endpoint import check_random_ranges, floor, get_stats, in_range, local_begin, recount, rfc3339
from tests.support.timescale import run_compression
from tests.support.waiting import until
from verification.run import verify

HOUR = timedelta(hours=1)
ZONES = ("Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns")
CLOCK_CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin
    datetime(2025, 10, 26, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, by half an hour
    datetime(2025, 10, 4, 15, 30, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),  # St. John's, over midnight
    datetime(2011, 3, 13, 3, 31, tzinfo=UTC),
]
EMPTY = {"totals": {"events": 0, "users": 0}, "by_type": [], "series": []}


@pytest.fixture
async def database(of_each_flavour: str) -> str:
    return of_each_flavour


@pytest.fixture
def settings(nats_server: NatsServer, database: str) -> Settings:
    return Settings(nats_url=nats_server.url, database=database, query_port=free_port(), log_level="debug")


async def is_timescale(connection: "asyncpg.Connection") -> bool:
    return (await get_live_model(connection)).flavour == "timescale"


async def project(settings: Settings, log: LogClient, connection: "asyncpg.Connection", query: QueryService) -> None:
    """Projects the whole log, and waits until every count includes it."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await until(lambda: settled(query))


async def settled(query: QueryService) -> bool:
    answer = await query.http.get("/stats", params={"settled": "true"})
    assert answer.status_code in (200, 504), answer.text  # a refresh in WASM may take longer than a question waits
    return answer.status_code == 200


def now() -> datetime:
    return datetime.now(UTC)


def recent_events(count: int) -> list[Event]:
    """Events of the last hour: materialized, at the boundary, and real-time."""
    chance = random.Random(7)
    return [
        event(chance.choice(TYPES), chance.randrange(20), now() - timedelta(seconds=chance.randrange(3_600)))
        for _ in range(count)
    ]


def events_around_clock_changes(count: int) -> list[Event]:
    chance = random.Random(8)
    return [
        event(
            chance.choice(TYPES),
            chance.randrange(30),
            chance.choice(CLOCK_CHANGES)
            + timedelta(minutes=chance.randrange(-2_000, 2_000), microseconds=number % 3 - 1),
            f'{{"path":"/{chance.randrange(5)}"}}',
        )
        for number in range(count)
    ]


async def check_every_question(query: QueryService, events: Sequence[Event], chance: random.Random) -> None:
    """Ranges of all kinds, buckets, zones and filters, against a naive count."""
    assert (await get_stats(query)) == IsPartialDict(recount(events, (await get_stats(query))["bucket"]))
    edges = [chance.choice(events).created_at + timedelta(microseconds=chance.randrange(-1, 2)) for _ in range(12)]
    edges += [floor(edge, unit) for edge in edges[:4] for unit in ("minute", "hour", "day", "week", "month")]
    await check_random_ranges(query, events, edges, chance, count=40)
    edges += [local_begin(edge, "day", chance.choice(ZONES)) for edge in edges[:8]]
    await check_random_ranges(query, events, edges, chance, count=40, zones=ZONES)


async def test_every_question_equals_a_naive_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, [*some_events(250), *recent_events(60)])
    await log_raw(log, b"garbage")
    for one in events[:20]:
        await log_event(log, one, message_id=f"again {one.event_id}")
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        await check_every_question(query, events, random.Random(1))
        assert await read_model(connection) == await recount_log(log)
        assert (await verify(log, connection)).differences == []


def again(one: Event, number: int) -> Event:
    """Another event with the same id and other fields; on timescale in another chunk, too."""
    moved = one.created_at + timedelta(days=number % 5 - 2, hours=number % 3)
    event_type = one.event_type if number % 2 else "never counted"
    return event(event_type, (one.user_id or 0) + number % 4 * 1_000, moved, '{"path":"/again"}', one.event_id)


async def test_the_first_entry_of_an_id_counts_whatever_its_duplicates_contain(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = [*some_events(60), *recent_events(30)]
    for number, one in enumerate(events):
        await log_event(log, one)
        if number % 3 == 0:  # within the batch
            await log_event(log, again(one, number), message_id=f"soon {one.event_id}")
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        for number, one in enumerate(events):  # later, when the aggregates contain it
            await log_event(log, again(one, number + 1), message_id=f"later {one.event_id}")
        await project(settings, log, connection, query)
        await check_every_question(query, events, random.Random(4))
        assert "never counted" not in {one["event_type"] for one in (await get_stats(query))["by_type"]}
        assert await read_model(connection) == await recount_log(log)
        receipt = await verify(log, connection)
        assert receipt.differences == []
        assert (receipt.events, receipt.duplicates) == (90, 120)


TAMPERED = {
    "row": (
        "update model_1.analytics_events set user_id = user_id + 1 where seq = 7",
        r"analytics_events, event .*: the row is not what log entry 7 says",
    ),
    "missing row": (
        "delete from model_1.analytics_events where seq = 7",
        r"analytics_events, event .*: the row of log entry 7 is missing",
    ),
    "id": ("delete from ledger_1.event_ids where seq = 7", r"event_ids, event .*: the id of log entry 7 is missing"),
    "minute": (
        "update {events_by_minute} set events = events + 1 where bucket = (select min(bucket) from {events_by_minute})",
        r"events_by_minute, 2026-.*: it says \d+ events, the rows are \d+",
    ),
    "day": (
        "update {events_by_day} set events = events + 1 where bucket = (select min(bucket) from {events_by_day})",
        r"events_by_day, 2026-.*: it says \d+ events, the rows are \d+",
    ),
    "user of an hour": (
        "delete from model_1.user_sets where level = 2",
        r"user_sets, hour 2026-.*: user \d+ is missing",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_verify_names_a_changed_row(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, what: str
) -> None:
    await log_events(log, some_events(40))
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
    await merge_user_sets(settings.dsn)
    statement, named = TAMPERED[what]
    rollups = ("events_by_minute", "events_by_day")
    await connection.execute(statement.format(**{name: await cells_of(connection, name) for name in rollups}))
    differences = (await verify(log, connection)).differences
    assert any(difference == IsStr(regex=named) for difference in differences), differences


async def cells_of(connection: "asyncpg.Connection", rollup: str) -> str:
    """Returns the table of a rollup's cells."""
    if not await is_timescale(connection):
        return f"model_1.{rollup}"
    name: str = await connection.fetchval(
        "select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
        " from timescaledb_information.continuous_aggregates where view_name = $1",
        rollup,
    )
    return name


async def test_local_days_and_hours_equal_a_naive_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, [*events_around_clock_changes(250), *recent_events(60)])
    chance = random.Random(3)
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        for changes in (CLOCK_CHANGES[:4], CLOCK_CHANGES[4:]):
            edges = [change + timedelta(hours=hours) for change in changes for hours in (-26, -1, 0, 1, 25)]
            edges += [local_begin(edges[0], unit, zone) for zone in ZONES for unit in ("hour", "day", "week")]
            edges += [chance.choice(changes) + timedelta(seconds=chance.randrange(90_000)) for _ in range(8)]
            await check_random_ranges(query, events, edges, chance, count=30, zones=ZONES)
        for zone in ZONES:
            assert await get_stats(query, tz=zone, bucket="week") == IsPartialDict(recount(events, "week", zone))


async def test_values_patterns_and_the_previous_period_equal_a_naive_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, [*events_around_clock_changes(150), *recent_events(60)])
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        if await is_timescale(connection):
            await run_compression(connection)
        for start, end in ((CLOCK_CHANGES[0], CLOCK_CHANGES[2]), (CLOCK_CHANGES[5], now()), (now() - HOUR, now())):
            question = {
                "from": rfc3339(start),
                "to": rfc3339(end),
                "event_type": "checkout.*",
                "top": "event_data.path",
            }
            answer = await get_stats(query, compare="previous", **question)
            wanted = [one for one in events if one.event_type.startswith("checkout.")]
            found = in_range(wanted, start, end)
            assert answer == IsPartialDict(recount(found, answer["bucket"]))
            assert answer["previous"] == IsPartialDict(
                totals=recount(in_range(wanted, start - (end - start), start), "month")["totals"]
            )
            paths = Counter(json.loads(bytes(one.event_data)).get("path") for one in found)
            assert {one["value"]: one["events"] for one in answer["top"]["values"]} == paths
            assert (answer["top"]["other"], answer["top"]["missing"]) == (0, 0)


async def test_events_that_are_a_month_late_count_in_compressed_chunks_too(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    first = await log_events(log, [*some_events(120), *recent_events(20)])
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        if await is_timescale(connection):
            assert await run_compression(connection) >= 3
        late = [event(one.event_type, 1_000 + number, one.created_at) for number, one in enumerate(first[:40])]
        late += [event("click", 7, now() - timedelta(days=30, minutes=number)) for number in range(10)]
        events = first + await log_events(log, late)
        await project(settings, log, connection, query)
        await check_every_question(query, events, random.Random(2))
        assert await read_model(connection) == await recount_log(log)
        assert (await verify(log, connection)).differences == []


async def test_empty_ranges_return_zeros(log: LogClient, settings: Settings, connection: asyncpg.Connection) -> None:
    async with running_query(settings) as query:
        assert await get_stats(query) == IsPartialDict(EMPTY)
        await log_events(log, some_events(20))
        await project(settings, log, connection, query)
        for start, end in (
            (BASE - timedelta(days=9), BASE - timedelta(days=8)),
            (BASE, BASE + timedelta(microseconds=1)),
        ):
            answer = await get_stats(query, **{"from": rfc3339(start), "to": rfc3339(end)})
            assert answer == IsPartialDict(EMPTY | {"from": rfc3339(start)})
        assert await get_stats(query, event_type="never seen") == IsPartialDict(EMPTY)

"""Both flavours of the read model give the same answers to every question the query side asks.

Each is held to a naive count of the same events, so they agree with each other too. The timescale flavour runs on the
TimescaleDB in WASM, and on a native one where ``TAILRACE_TEST_TIMESCALE_DSN`` names it.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from query.conftest import QueryService, running_query
from support.events import BASE, TYPES, event, log_event, log_events, log_raw, some_events
from support.projector import running_projector, until_projected
from support.recount import read_model, recount_log
from support.servers import NatsServer, database_from
from support.stats import ask, between, check_questions, floor, local_begin, recount, wire
from support.timescale import fresh_database, timescale_servers
from support.waiting import until
from tailrace.contracts.events import Event
from tailrace.migrations.runner import live_model, migrate
from tailrace.ops.embedded.ports import free_port
from tailrace.ops.embedded.postgres import EmbeddedPostgres
from tailrace.projection.verify.run import verify
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.settings import Settings

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


@pytest.fixture(params=["postgres", *timescale_servers(native_only=False)])
async def database(
    request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template_database: str
) -> AsyncIterator[str]:
    """A migrated database of each flavour."""
    if request.param == "postgres":
        async with database_from(postgres_server, template_database) as dsn:
            yield dsn
        return
    async with fresh_database(request.param) as dsn:
        connection = await asyncpg.connect(dsn)
        await migrate(connection, Settings())
        assert (await live_model(connection)).flavour == "timescale"
        await connection.close()
        yield dsn


@pytest.fixture
def settings(nats_server: NatsServer, database: str) -> Settings:
    return Settings(nats_url=nats_server.url, database=database, query_port=free_port(), log_level="debug")


async def is_timescale(connection: "asyncpg.Connection") -> bool:
    return (await live_model(connection)).flavour == "timescale"


async def project(settings: Settings, log: LogClient, connection: "asyncpg.Connection", query: QueryService) -> None:
    """Projects all there is, and waits until it is in every count."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await until(lambda: settled(query))


async def settled(query: QueryService) -> bool:
    answer = await query.http.get("/stats", params={"settled": "true"})
    assert answer.status_code in (200, 504), answer.text  # a refresh in WASM may need longer than a question waits
    return answer.status_code == 200


def now() -> datetime:
    return datetime.now(UTC)


def recent_events(count: int) -> list[Event]:
    """Events of the last hour: materialized, on the edge of it, and real-time."""
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
    assert (await ask(query)) == IsPartialDict(recount(events, (await ask(query))["bucket"]))
    edges = [chance.choice(events).created_at + timedelta(microseconds=chance.randrange(-1, 2)) for _ in range(12)]
    edges += [floor(edge, unit) for edge in edges[:4] for unit in ("minute", "hour", "day", "week", "month")]
    await check_questions(query, events, edges, chance, count=40)
    edges += [local_begin(edge, "day", chance.choice(ZONES)) for edge in edges[:8]]
    await check_questions(query, events, edges, chance, count=40, zones=ZONES)


async def test_every_question_gets_the_answer_of_a_naive_count(
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


async def test_local_days_and_hours_are_those_of_a_naive_count(
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
            await check_questions(query, events, edges, chance, count=30, zones=ZONES)
        for zone in ZONES:
            assert await ask(query, tz=zone, bucket="week") == IsPartialDict(recount(events, "week", zone))


async def test_values_patterns_and_the_period_before_are_those_of_a_naive_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, [*events_around_clock_changes(150), *recent_events(60)])
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        if await is_timescale(connection):
            await run_compression(connection)
        for start, end in ((CLOCK_CHANGES[0], CLOCK_CHANGES[2]), (CLOCK_CHANGES[5], now()), (now() - HOUR, now())):
            question = {"from": wire(start), "to": wire(end), "event_type": "checkout.*", "top": "event_data.path"}
            answer = await ask(query, compare="previous", **question)
            wanted = [one for one in events if one.event_type.startswith("checkout.")]
            found = between(wanted, start, end)
            assert answer == IsPartialDict(recount(found, answer["bucket"]))
            assert answer["previous"] == IsPartialDict(
                totals=recount(between(wanted, start - (end - start), start), "month")["totals"]
            )
            paths = Counter(json.loads(bytes(one.event_data)).get("path") for one in found)
            assert {one["value"]: one["events"] for one in answer["top"]["values"]} == paths
            assert (answer["top"]["other"], answer["top"]["missing"]) == (0, 0)


async def test_events_a_month_late_count_also_in_compressed_chunks(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    first = await log_events(log, [*some_events(120), *recent_events(20)])
    async with running_query(settings) as query:
        await project(settings, log, connection, query)
        if await is_timescale(connection):
            await run_compression(connection)
            assert await compressed_chunks(connection) >= 3
        late = [event(one.event_type, 1_000 + number, one.created_at) for number, one in enumerate(first[:40])]
        late += [event("click", 7, now() - timedelta(days=30, minutes=number)) for number in range(10)]
        events = first + await log_events(log, late)
        await project(settings, log, connection, query)
        await check_every_question(query, events, random.Random(2))
        assert await read_model(connection) == await recount_log(log)
        assert (await verify(log, connection)).differences == []


async def test_empty_ranges_are_answered_with_zeros(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    async with running_query(settings) as query:
        assert await ask(query) == IsPartialDict(EMPTY)
        await log_events(log, some_events(20))
        await project(settings, log, connection, query)
        for start, end in (
            (BASE - timedelta(days=9), BASE - timedelta(days=8)),
            (BASE, BASE + timedelta(microseconds=1)),
        ):
            answer = await ask(query, **{"from": wire(start), "to": wire(end)})
            assert answer == IsPartialDict(EMPTY | {"from": wire(start)})
        assert await ask(query, event_type="never seen") == IsPartialDict(EMPTY)


async def run_compression(connection: "asyncpg.Connection") -> None:
    """What the database's scheduler does from time to time."""
    job = await connection.fetchval(
        "select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'"
    )
    await connection.execute(f"call run_job({job})")


async def compressed_chunks(connection: "asyncpg.Connection") -> int:
    return int(await connection.fetchval("select count(*) from timescaledb_information.chunks where is_compressed"))

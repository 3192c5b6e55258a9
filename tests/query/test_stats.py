"""/stats equals a naive count of the events up to the position that it names."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsFloat, IsPartialDict, IsStr

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import SchemaError
from migrations.streams import ensure_streams
from query.service import serve
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.query.conftest import QueryService, running_query
from tests.support.events import BASE, TYPES, event, log_event, log_events, log_raw, some_events
from tests.support.projector import project, running_projector, until_projected
from tests.support.servers import NatsServer
from tests.support.stats_endpoint import check_random_ranges, floor, get_stats, rfc3339


async def test_the_answer_has_the_documented_shape(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event("click", 1), event("page_view", 1), event("page_view", 2)])
    await project(settings, log, connection)
    last = await log.get(3)
    assert isinstance(last, LogEntry)
    assert await get_stats(query) == {
        "from": None,
        "to": None,
        "bucket": "minute",
        "buckets": ["2026-03-01T12:00:00Z"],
        "tz": "UTC",
        "totals": {"events": 3, "users": 2},
        "by_type": [
            {"event_type": "click", "events": 1, "users": 1},
            {"event_type": "page_view", "events": 2, "users": 2},
        ],
        "series": [
            {"bucket": "2026-03-01T12:00:00Z", "event_type": "click", "events": 1, "users": None},
            {"bucket": "2026-03-01T12:00:00Z", "event_type": "page_view", "events": 2, "users": None},
        ],
        "other_types": None,
        "users_per_bucket": None,
        "users_per_type": True,
        "top": None,
        "matching": None,
        "previous": None,
        "as_of": {
            "cursor": str(last.cursor((await log.state()).epoch)),
            "revision": 0,
            "lag_events": 0,
            "lag_seconds": 0.0,
            "late_pending": 0,
            "stale": False,
        },
    }


async def test_an_empty_read_model_answers_zeros_and_no_position(query: QueryService) -> None:
    nothing = {"totals": {"events": 0, "users": 0}, "by_type": [], "series": [], "buckets": []}
    whole = await get_stats(query)
    assert whole == IsPartialDict(nothing)
    assert whole["as_of"] == IsPartialDict(cursor=None, lag_events=0)
    assert await get_stats(query, **{"from": rfc3339(BASE)}) == IsPartialDict(nothing)
    assert await get_stats(query, event_type="click") == IsPartialDict(nothing)


async def test_every_range_bucket_and_filter_equals_a_naive_recount(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    chance = random.Random(11)
    events = list(some_events(400))
    # at the edges of buckets too, where errors are most likely
    for edge in (timedelta(0), timedelta(microseconds=-1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)):
        events += [event(chance.choice(TYPES), 99, floor(BASE, unit) + edge) for unit in ("minute", "hour", "day")]
    await log_events(log, events)
    await project(settings, log, connection)
    edges = [BASE + timedelta(seconds=chance.randrange(-90_000, 350_000), microseconds=7) for _ in range(25)]
    edges += [floor(edge, unit) for edge in edges[:6] for unit in ("minute", "hour", "day", "week", "month")]
    await check_random_ranges(query, events, edges, chance, count=120)


async def test_without_a_range_no_single_event_is_read(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(50))
    await project(settings, log, connection)
    whole, clicks = await get_stats(query), await get_stats(query, event_type=["click", "page_view"])
    await connection.execute("truncate model_1.analytics_events")  # an answer that reads them would differ
    assert await get_stats(query) == whole
    assert await get_stats(query, event_type=["click", "page_view"]) == clicks


async def test_auto_returns_at_most_500_buckets_for_any_range(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    years = datetime(2001, 1, 1, tzinfo=UTC)
    await log_events(log, (event(created_at=years + timedelta(days=11 * number)) for number in range(800)))
    await project(settings, log, connection)
    answer = await get_stats(query)
    assert answer["bucket"] == "month"
    assert len({point["bucket"] for point in answer["series"]}) <= len(answer["buckets"]) <= 500
    assert sum(point["events"] for point in answer["series"]) == 800
    refused = await query.http.get("/stats", params={"bucket": "minute"})
    assert (refused.status_code, refused.json()) == (
        422,
        IsPartialDict(detail=IsStr(regex="bucket: .*more than 10,000.*")),
    )


async def test_one_answer_is_of_one_state_while_the_projector_runs(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    # every entry is a new event of a new user, so position, events and users must be equal
    async with running_projector(settings.model_copy(update={"batch_size": 7})) as task:
        writing = asyncio.create_task(log_events(log, (event(user_id=number) for number in range(1_500))))
        seen: set[int] = set()
        while 1_500 not in seen:
            for question in ({}, {"from": rfc3339(BASE)}, {"event_type": "page_view"}):
                answer = await get_stats(query, **question)
                if answer["as_of"]["cursor"] is None:
                    continue
                counted = Cursor.parse(answer["as_of"]["cursor"]).seq
                assert answer["totals"] == {"events": counted, "users": counted}
                assert sum(point["events"] for point in answer["series"]) == counted
                seen.add(counted)
        await writing
        await until_projected(connection, log, task)
    assert len(seen) > 10


async def test_event_types_may_be_patterns(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    types = ("checkout", "checkout.started", "checkout.card.failed", "page_view", "view.*")
    await log_events(log, (event(kind, user) for user, kind in enumerate(types * 2)))
    await project(settings, log, connection)

    async def counted(*patterns: str, **question: Any) -> list[str]:
        answer = await get_stats(query, event_type=list(patterns), **question)
        assert answer["totals"] == {"events": 2 * len(answer["by_type"]), "users": 2 * len(answer["by_type"])}
        assert sum(point["events"] for point in answer["series"]) == answer["totals"]["events"]
        return [one["event_type"] for one in answer["by_type"]]

    since = {"from": rfc3339(BASE)}
    for question in ({}, since):
        assert await counted("checkout.*", **question) == ["checkout.started"]
        assert await counted("checkout.>", **question) == ["checkout.card.failed", "checkout.started"]
        assert await counted("checkout.>", "page_view", **question) == [*sorted(types[1:3]), "page_view"]
        assert await counted(">", **question) == sorted(types)
        assert await counted("view.*", **question) == ["view.*"]
        assert await counted("checkout.*.*.*", "sale.>", **question) == []
        assert await counted("never seen", **question) == []


async def test_without_users_everything_else_is_the_same(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(80))
    await project(settings, log, connection)
    for question in ({}, {"from": rfc3339(BASE)}, {"event_type": ["click", "page_view"]}):
        with_users, without = await get_stats(query, **question), await get_stats(query, users="false", **question)
        for one in (with_users["totals"], *with_users["by_type"]):
            assert one["users"] > 0
            one["users"] = None
        assert without == with_users | {"as_of": without["as_of"], "users_per_type": False}


async def test_min_cursor_waits_until_the_answer_includes_it(
    query: QueryService, settings: Settings, log: LogClient
) -> None:
    asking = []
    for number in range(1, 4):
        appended = await log_event(log, event())
        entry = await log.get(appended.seq)
        assert entry is not None
        cursor = str(entry.cursor((await log.state()).epoch))
        half = cursor[:-8]  # as the command side returns it
        asking += [(number, asyncio.create_task(get_stats(query, min_cursor=text))) for text in (cursor, half)]
    async with running_projector(settings):
        for number, task in asking:
            assert (await task)["totals"]["events"] >= number


async def test_min_cursor_reports_a_projection_that_is_too_late(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.waiting.WAIT_TIMEOUT", 0.1)
    epoch = (await log.state()).epoch
    answer = await query.http.get("/stats", params={"min_cursor": f"{epoch}:5:01234567"})
    assert (answer.status_code, answer.headers["content-type"]) == (504, "application/problem+json")
    assert answer.json()["detail"] == "min_cursor: the read model is at 0 and did not reach 5 in 0.1 s"


async def test_min_cursor_of_another_history_is_a_conflict(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_event(log, event())
    await project(settings, log, connection)
    epoch = (await log.state()).epoch
    for cursor in ("another:1:01234567", f"{epoch}:1:01234567"):
        answer = await query.http.get("/stats", params={"min_cursor": cursor})
        assert (answer.status_code, answer.json()) == (
            409,
            IsPartialDict(detail=IsStr(regex=f"min_cursor: .*{cursor}.*")),
        )


async def test_the_lag_is_the_number_of_uncounted_entries(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(3))
    await project(settings, log, connection)
    await log_events(log, some_events(2))
    assert (await get_stats(query))["as_of"] == IsPartialDict(lag_events=2, lag_seconds=IsFloat(ge=0, lt=30))
    await log_raw(log, b"no event")
    await project(settings, log, connection)
    assert (await query.http.get("/status")).json() == {
        "live_clients": 0,
        "last_seq": 6,
        "projected_seq": 6,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "parked": 1,
        "stale": False,
        "failed_projections": [],
        "started_at": IsStr(regex=r".*Z"),
        "problem": None,
    }


async def test_without_the_log_stats_still_answer(own_nats_server: NatsServer, settings: Settings) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    client = await connect_log(own, "test")
    await ensure_streams(client, own)
    await client.close()
    async with running_query(own) as query:
        await asyncio.to_thread(own_nats_server.kill)
        answer = await get_stats(query)
        assert answer["as_of"] == IsPartialDict(lag_events=None, lag_seconds=None)
        assert await query.status() == IsPartialDict(last_seq=None, projected_seq=0)


async def test_without_the_database_the_answer_is_503_until_it_returns(
    query: QueryService, postgres_server: EmbeddedPostgres, database: str
) -> None:
    name = database.rsplit("/", 1)[1]
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await get_stats(query)
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    answer = await query.http.get("/stats")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == IsPartialDict(title="Database unavailable", detail=IsStr(regex="the database .*"))
    assert (await query.http.get("/health")).status_code == 503
    assert (await query.http.get("/status")).json() == IsPartialDict(projected_seq=None, last_seq=0)
    assert (await query.http.get("/ping")).text == "pong"
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    await get_stats(query)
    assert (await query.http.get("/health")).json() == {"status": "ok", "database": "ok", "log": "ok"}


async def test_a_question_that_takes_too_long_is_a_timeout(
    settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    async with running_query(settings.model_copy(update={"stats_timeout": 0.3})) as query:
        async with connection.transaction():
            await connection.execute("lock table model_1.events_by_minute")
            answer = await query.http.get("/stats")
        assert (answer.status_code, answer.json()["title"]) == (504, "Took too long")
        await query.until_answers("/stats")


async def test_a_database_without_the_read_model_is_refused_at_the_start(
    settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await connection.execute("delete from tailrace.migrations where scope = 'model_1' and number = 6")
    with pytest.raises(SchemaError, match="tailrace migrate"):
        await serve(settings)


async def test_an_unknown_path_is_a_problem(query: QueryService) -> None:
    for answer, status in ((await query.http.get("/nothing"), 404), (await query.http.post("/stats"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json() == IsPartialDict(status=status, type="about:blank")

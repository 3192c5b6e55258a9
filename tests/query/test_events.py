"""GET /events: pages, newest first, that together contain every matching event once, with its cursor."""

import asyncio
import random
from datetime import timedelta
from itertools import cycle, repeat
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.cursors import Cursor, fingerprints_agree
from contracts.events import Event
from migrations.streams import ensure_streams
from query.events.log_entries import find_entries
from query.events.models import EventsPage
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.query.conftest import QueryService, events_of, running_query, seqs_of
from tests.support.events import BASE, event, log_event, log_events, some_events
from tests.support.events_endpoint import event_ids, expected_ids, get_all_events, get_events, range_params
from tests.support.projector import project, running_projector, until_projected
from tests.support.servers import NatsServer
from tests.support.stats_endpoint import rfc3339

SECOND = timedelta(seconds=1)


async def cursor_of(log: LogClient, seq: int) -> str:
    entry = await log.get(seq)
    assert entry is not None
    return str(entry.cursor((await log.state()).epoch))


async def test_a_page_has_the_documented_shape(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    older, newer = await log_events(log, [event("click", -5), event("page_view", 7, BASE + SECOND / 4)])
    await project(settings, log, connection)
    page = await get_events(query, limit=1)
    assert page == {
        "events": [
            {
                "cursor": await cursor_of(log, 2),
                "event_id": str(newer.event_id),
                "event_type": "page_view",
                "user_id": 7,
                "created_at": "2026-03-01T12:00:00.250000Z",
                "event_data": {"path": "/home"},
            }
        ],
        "next": IsStr(),
        "as_of": {"cursor": await cursor_of(log, 2), "revision": 0, "stale": False, "kept_from": None},
    }
    EventsPage.model_validate(page, extra="forbid")
    last = await get_events(query, limit=1, before=page["next"])
    assert (event_ids(last["events"]), last["next"]) == ([str(older.event_id)], None)


async def test_an_empty_read_model_has_an_empty_page_and_no_position(query: QueryService) -> None:
    nothing: dict[str, Any] = {
        "events": [],
        "next": None,
        "as_of": {"cursor": None, "revision": 0, "stale": False, "kept_from": None},
    }
    questions: list[dict[str, Any]] = [{}, {"event_type": ">"}, {"user_id": 1}, {"from": "-24h"}]
    for question in questions:
        assert await get_events(query, **question) == nothing


async def test_events_of_the_same_time_are_listed_once_each_in_log_order(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, [event("click", number) for number in range(40)])
    await project(settings, log, connection)
    for question in ({}, {"event_type": ["click"]}):
        assert event_ids(await get_all_events(query, repeat(7), **question)) == expected_ids(events, question)
        assert [one["user_id"] for one in await get_all_events(query, cycle((1, 5)), **question)] == list(
            range(39, -1, -1)
        )


async def test_newer_events_do_not_change_the_following_pages(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(30))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        first = await get_events(query, limit=10)
        newest = max(one.created_at for one in events)
        later = await log_events(log, [event("click", 1, newest + number * SECOND) for number in range(5)])
        await until_projected(connection, log, task)
        rest = await get_events(query, before=first["next"])
        assert event_ids(first["events"] + rest["events"]) == expected_ids(events, {})
        assert event_ids((await get_events(query, limit=5))["events"]) == expected_ids(later, {})
        assert rest["as_of"]["cursor"] == await cursor_of(log, 35)


async def test_types_are_selected_by_wildcards_and_users_by_id(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    types = ["checkout", "checkout.paid", "checkout.paid.late", "Order Completed", "页面"]
    users = [1, -(2**63), 2**63 - 1]
    events = await log_events(log, [event(kind, user) for kind in types for user in users])
    await project(settings, log, connection)
    for question, count in (
        ({"event_type": ["checkout.*"]}, 3),
        ({"event_type": ["checkout.>"]}, 6),
        ({"event_type": ["*"]}, 9),
        ({"event_type": ["页面", "Order Completed", "nothing.>"]}, 6),
        ({"event_type": ["nothing.*"]}, 0),
        ({"user_id": 2**63 - 1}, 5),
        ({"user_id": 2}, 0),
        ({"user_id": -(2**63), "event_type": [">"]}, 5),
        ({"user_id": 1, "event_type": ["checkout.*"]}, 1),
    ):
        page = await get_events(query, **question)
        assert event_ids(page["events"]) == expected_ids(events, question), question
        assert len(page["events"]) == count


async def test_numbers_return_with_every_digit(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    data = '{"big": 12345678901234567890123, "text": "ä\\"\\\\", "exact": 0.10000000000000000000001}'
    await log_event(log, event("click", 2**63 - 1, data=data))
    await project(settings, log, connection)
    text = (await query.http.get("/events")).text
    for digits in ("9223372036854775807", "12345678901234567890123", "0.10000000000000000000001"):
        assert digits in text
    assert (await get_events(query))["events"][0]["event_data"]["text"] == 'ä"\\'


async def test_a_relative_range_ends_at_the_reported_time(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    now = BASE.now(BASE.tzinfo)
    events = await log_events(
        log, [event("click", hours, now - timedelta(hours=hours, minutes=30)) for hours in range(5)]
    )
    await project(settings, log, connection)
    page = await get_events(query, **{"from": "-3h", "to": "-60m"})
    assert event_ids(page["events"]) == [str(one.event_id) for one in events[1:3]]


async def test_a_stream_continues_from_the_cursor_of_any_event(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    # published with another message id than its event id: the cursor comes from the log
    for number, one in enumerate(some_events(20)):
        await log_event(log, one, message_id=f"message {number}")
    await project(settings, log, connection)
    for one in random.Random(1).sample((await get_events(query))["events"], 4):
        [seq] = seqs_of([one])
        async with query.socket(one["cursor"]) as socket:
            await socket.until("caught_up")
        assert [frame["kind"] for frame in socket.frames if frame["kind"] == "gap"] == []
        assert seqs_of(events_of(socket.frames)) == list(range(seq + 1, 21))


async def test_without_the_log_pages_are_answered_and_their_cursors_stay_valid(
    own_nats_server: NatsServer, settings: Settings, connection: asyncpg.Connection
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    client = await connect_log(own, "test")
    await ensure_streams(client, own)
    events = await log_events(client, some_events(6))
    async with running_query(own) as query:
        await project(own, client, connection)
        await client.close()
        await asyncio.to_thread(own_nats_server.kill)
        page = await get_events(query)
        assert event_ids(page["events"]) == expected_ids(events, {})
        assert all(one["cursor"].endswith(":00000000") for one in page["events"])
        await asyncio.to_thread(own_nats_server.start)
        [one] = [one for one in page["events"] if seqs_of([one]) == [4]]
        # the service reconnects to the log after some time
        while not (await query.http.get("/health")).is_success:
            await asyncio.sleep(0.05)
        async with query.socket(one["cursor"]) as socket:
            await socket.until("caught_up")
        assert seqs_of(events_of(socket.frames)) == [5, 6]


async def test_a_cursor_shows_that_the_log_has_another_event_than_the_read_model(log: LogClient) -> None:
    there, elsewhere = event(), event()
    await log_event(log, there, message_id="a name")
    epoch = (await log.state()).epoch
    same, other, gone = await find_entries(
        log, epoch, [(1, there.event_id), (1, elsewhere.event_id), (9, there.event_id)]
    )
    assert same.cursor == await cursor_of(log, 1)
    assert same.entry is not None
    assert not fingerprints_agree(Cursor.parse(other.cursor).fingerprint, Cursor.parse(same.cursor).fingerprint)
    assert (other.entry, gone.entry, gone.answered) == (None, None, True)
    assert gone.cursor == f"{epoch}:9:00000000"


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ({"before": "x"}, "before"),
        ({"before": "AAZL9OFqoAAAAAAAAAAAAx"}, "before"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "x" * 201}, "user_id"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-03-01T12:00:00"}, "to"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "'to' must be later"),
        ({"event_type": ""}, "event_type"),
        ({"event_type": "x" * 129}, "event_type"),
        ({"event_type": ["x"] * 101}, "event_type"),
        ({"offset": 10}, "offset"),
    ],
)
async def test_an_invalid_parameter_is_named(query: QueryService, question: dict[str, Any], parameter: str) -> None:
    answer = await query.http.get("/events", params=question)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json() == IsPartialDict(title="Bad parameter", detail=IsStr(regex=f"(?s){parameter}.*"))


async def test_a_range_before_the_first_event_or_of_no_length_is_empty(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events: list[Event] = await log_events(log, some_events(10))
    await project(settings, log, connection)
    for start, end in ((None, BASE - SECOND), (BASE - 9 * SECOND, BASE - SECOND), (BASE + timedelta(days=9), None)):
        page = await get_events(query, **range_params(start, end), event_type=[">"])
        assert (page["events"], page["next"]) == ([], None)
    for text in ("1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"):
        assert len((await get_events(query, **{"from": text, "to": "9999-12-31T23:59:59Z"}))["events"]) == len(events)


async def test_rows_that_retention_will_drop_are_not_shown(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(30))
    await project(settings, log, connection)
    kept_from = BASE + timedelta(days=1)
    await connection.execute("update model_1.projection_position set raw_from = $1", kept_from)
    questions: list[dict[str, Any]] = [{}, {"event_type": [">"]}, {"from": rfc3339(BASE)}]
    for question in questions:
        page = await get_events(query, **question)
        assert event_ids(page["events"]) == expected_ids(events, {"from": rfc3339(kept_from)})
        assert page["as_of"]["kept_from"] == rfc3339(kept_from)


async def test_without_the_database_the_answer_is_503(
    query: QueryService, postgres_server: EmbeddedPostgres, database: str
) -> None:
    name = database.rsplit("/", 1)[1]
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await get_events(query)
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    answer = await query.http.get("/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    await get_events(query)


async def test_a_page_that_takes_too_long_is_a_timeout(
    settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    async with running_query(settings.model_copy(update={"stats_timeout": 0.3})) as query:
        async with connection.transaction():
            await connection.execute("lock table model_1.analytics_events")
            answer = await query.http.get("/events")
        assert (answer.status_code, answer.json()["title"]) == (504, "Took too long")
        await query.until_answers("/events")


async def test_openapi_describes_pages_with_valid_examples(query: QueryService) -> None:
    described = (await query.http.get("/openapi.json")).json()
    operation = described["paths"]["/events"]["get"]
    parameters = {"event_type", "user_id", "from", "to", "limit", "before"}
    assert {one["name"] for one in operation["parameters"]} == parameters
    assert set(operation["responses"]) == {"200", "422", "503", "504"}
    [example] = described["components"]["schemas"]["EventsPage"]["examples"]
    EventsPage.model_validate(example, extra="forbid")
    assert EventsPage.model_fields.keys() == example.keys()
    page = await query.http.get("/events", params={"before": example["next"], "from": rfc3339(BASE)})
    assert page.status_code == 200

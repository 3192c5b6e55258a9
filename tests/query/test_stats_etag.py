"""A 304 is returned only if the answer would be the same except for the lag, and only reads the position."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.events import BASE, event, log_events, some_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, rfc3339
from tests.support.waiting import until

QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"from": rfc3339(BASE)},
    {"to": rfc3339(BASE + timedelta(days=1))},
    {"bucket": "day"},
    {"bucket": "day", "tz": "Europe/Berlin"},
    {"event_type": "click"},
    {"event_type": ["click", "page_view"]},
    {"users": "false"},
    {"top": "event_data.n"},
    {"top": "event_data.n", "top_limit": 3},
    {"from": rfc3339(BASE), "to": rfc3339(BASE + timedelta(days=1)), "compare": "previous"},
)


@pytest.fixture
async def filled(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> QueryService:
    """A service over a read model with events."""
    await log_events(log, some_events(30))
    await project(settings, log, connection)
    return query


async def get(query: QueryService, etag: str | None = None, **question: Any) -> httpx.Response:
    headers = {"If-None-Match": etag} if etag else {}
    return await query.http.get("/stats", params=question, headers=headers)


async def etag_of(query: QueryService, **question: Any) -> str:
    answer = await get(query, **question)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    return str(answer.headers["etag"])


async def test_a_current_answer_is_304_without_counting(filled: QueryService, connection: asyncpg.Connection) -> None:
    named = [(question, await etag_of(filled, **question)) for question in QUESTIONS]
    assert len({etag for _, etag in named}) == len(QUESTIONS)
    async with connection.transaction():
        # an answer that reads one of them would wait
        await connection.execute(
            "lock table model_1.events_by_minute, model_1.events_by_hour, model_1.events_by_day, model_1.all_time,"
            " model_1.user_sets, model_1.set_log, model_1.analytics_events"
        )
        for question, etag in named:
            answer = await get(filled, etag, **question)
            assert (answer.status_code, answer.content) == (304, b"")
            assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, "no-cache")


async def test_the_order_and_form_of_the_clients_etags_do_not_matter(filled: QueryService) -> None:
    etag = await etag_of(filled)
    assert etag.startswith('W/"')
    for named in (etag, etag.removeprefix("W/"), f'"other", {etag}', f'{etag},W/"another"', "*"):
        assert (await get(filled, named)).status_code == 304
    for named in ('"other"', etag.strip('W/"'), etag[:-2] + '"'):
        assert (await get(filled, named)).status_code == 200


async def test_another_question_or_event_changes_the_etag(
    filled: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    named = [(question, await etag_of(filled, **question)) for question in QUESTIONS]
    for question, _ in named:
        others = [etag for other, etag in named if other != question]
        assert (await get(filled, ", ".join(others), **question)).status_code == 200
    await log_events(log, [event()])
    # it is in the log, but not counted yet: only the lag differs
    assert [(await get(filled, etag, **question)).status_code for question, etag in named] == [304] * len(named)
    await project(settings, log, connection)
    assert [(await get(filled, etag, **question)).status_code for question, etag in named] == [200] * len(named)


async def test_waiting_does_not_change_the_etag(filled: QueryService) -> None:
    etag = await etag_of(filled)
    cursor = (await get_stats(filled))["as_of"]["cursor"]
    assert (await get(filled, etag, min_cursor=cursor, settled="true")).status_code == 304


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("revision = revision + 1", "revision = revision - 1"),
        ("seq = seq - 1", "seq = seq + 1"),
        ("fingerprint = reverse(fingerprint)", "fingerprint = reverse(fingerprint)"),
        ("epoch = 'another'", None),
        ("raw_from = '2000-01-01Z'", "raw_from = null"),
    ],
)
async def test_another_revision_changes_the_etag(
    filled: QueryService, connection: asyncpg.Connection, change: str, back: str | None
) -> None:
    # as after a retry of a parked event, a cutover, a restore, or with the database of another log
    etag = await etag_of(filled)
    await connection.execute(f"update model_1.projection_position set {change}")
    assert (await get(filled, etag)).status_code == 200
    if back is not None:
        await connection.execute(f"update model_1.projection_position set {back}")
        assert (await get(filled, etag)).status_code == 304


async def test_another_model_at_the_same_position_changes_the_etag(
    filled: QueryService, connection: asyncpg.Connection
) -> None:
    etag = await etag_of(filled)
    await connection.execute("update tailrace.models set created_at = created_at + interval '1 microsecond'")
    assert (await get(filled, etag)).status_code == 200


async def test_pending_late_events_prevent_304(filled: QueryService, connection: asyncpg.Connection) -> None:
    settled = await etag_of(filled)
    await connection.execute("insert into model_1.late_ranges values (date_trunc('hour', now()), 7, 1)")
    pending = await etag_of(filled)
    assert pending != settled
    # the aggregates change gradually at one position, with one number of pending events
    assert (await get(filled, f"{settled}, {pending}")).status_code == 200
    await connection.execute("delete from model_1.late_ranges")
    assert (await get(filled, pending)).status_code == 200
    assert (await get(filled, settled)).status_code == 304


async def test_a_relative_range_changes_the_etag(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event(created_at=datetime.now(UTC))])
    await project(settings, log, connection)
    answer = await get(query, **{"from": "-5s"})
    counted: list[int] = [answer.json()["totals"]["events"]]

    async def over() -> bool:
        nonlocal answer
        found = await get(query, answer.headers["etag"], **{"from": "-5s"})
        if found.status_code == 200:
            answer = found
            counted.append(found.json()["totals"]["events"])
        return counted[-1] == 0

    await until(over)
    assert counted == sorted(counted, reverse=True)


async def test_a_restart_changes_the_etag(settings: Settings, log: LogClient, connection: asyncpg.Connection) -> None:
    # another version may count differently, and zones may have other rules
    async with running_query(settings) as query:
        etag = await etag_of(query)
        assert (await get(query, etag)).status_code == 304
    async with running_query(settings) as query:
        assert (await get(query, etag)).status_code == 200

"""The built-in rollup ``pages``: counted with the read model, and equal to the log at any time."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import msgspec
import pytest
from pyroaring import BitMap

from contracts.events import Event
from migrations.rollup_sets import SetCell, pack, unite, unpack
from migrations.runner import migrate
from projection.cutover import cut_over
from projection.parked import ParkedEvents
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.declared import PAGES
from tests.support.events import BASE, event, log_event, log_events
from tests.support.projector import merge_user_sets, project, running_projector, until_projected, verifier
from tests.support.recount import read_model, recount_log
from verification.run import verify

MIDNIGHT = BASE.replace(hour=0)
PATHS = {
    '"/home"': "/home",
    '"/home/"': "/home/",
    '""': "",
    '"1"': "1",
    "1": "1",
    "1.50": "1.5",
    "12345678901234567890123": "12345678901234567890123",
    "true": "true",
    "null": None,
    "[]": None,
    '{"a":1}': None,
    '"\\u00e4\\ud83d\\ude00"': "ä😀",
    f'"{"a" * 255}ä"': "a" * 255,
    f'"{"b" * 300}"': "b" * 256,
}
"""JSON and the path that it counts as."""
Place = tuple[datetime, str, str | None]


def visits(count: int, seed: int = 1) -> Iterator[tuple[Event, str | None]]:
    """Yields events and their paths, many of them at the edges of days."""
    chance = random.Random(seed)
    for _ in range(count):
        edge = MIDNIGHT + timedelta(days=chance.randrange(-1, 3))
        at = edge + timedelta(microseconds=chance.choice((-1, 0, 1, chance.randrange(86_400_000_000))))
        text, path = chance.choice([*PATHS.items()])
        data = "{}" if path is None and chance.random() < 0.3 else f'{{"n":{{"path":"/no"}},"path":{text}}}'
        kind = chance.choice(("page_view", "http_request", "click", "page_view.late"))
        user = None if chance.random() < 0.1 else chance.randrange(-3, 30)
        yield event(kind, user, at, data), path


def recount(logged: list[tuple[Event, str | None]]) -> dict[Place, tuple[int, int]]:
    """Events and visitors per day, type and path."""
    users: dict[Place, list[int | None]] = defaultdict(list)
    for one, path in logged:
        if one.event_type in PAGES.events:
            day = one.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
            users[day, one.event_type, path].append(one.user_id)
    return {place: (len(found), len(set(found) - {None})) for place, found in users.items()}


async def pages(connection: asyncpg.Connection) -> dict[Place, tuple[int, int]]:
    rows = await connection.fetch("select bucket, event_type, path, events, visitors from pages where not other")
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


@pytest.mark.parametrize("merge_events", [1, 45, 10_000])
@pytest.mark.parametrize("batch_size", [1, 20, 1_000])
async def test_pages_have_the_events_and_visitors_of_the_log(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    merge_events: int,
    batch_size: int,
) -> None:
    monkeypatch.setattr("projection.user_sets.MERGE_EVENTS", merge_events)
    logged = [*visits(150, seed=batch_size + merge_events)]
    await log_events(log, [one for one, _ in logged])
    for one, _ in logged[::9]:  # repeats, one in three as another user
        again = msgspec.structs.replace(one, user_id=one.user_id and one.user_id + one.user_id % 3)
        await log_event(log, again, f"again-{one.event_id}")
    await project(settings.model_copy(update={"batch_size": batch_size}), log, connection)
    assert (await verify(log, connection)).differences == []
    await merge_user_sets(settings.dsn)
    assert await pages(connection) == recount(logged)
    assert (await verify(log, connection)).differences == []


async def test_a_replay_gives_the_same_pages_and_a_cutover_shows_them(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    logged = [*visits(200)]
    await log_events(log, [one for one, _ in logged])
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
        more = [*visits(50, seed=2)]
        await log_events(log, [one for one, _ in more])
        await until_projected(connection, log, task)
        await cut_over(log, connection, verifier(log, connection))
        await connection.execute("update model_1.pages_cells_day set events = 0")
        await merge_user_sets(settings.dsn)
        assert await pages(connection) == recount([*logged, *more])


async def test_a_retried_event_counts_in_the_pages_of_a_projector_that_knows_the_day(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute("alter table model_1.analytics_events add constraint no_7 check (user_id <> 7)")
    await log_events(log, [event(user_id=user, data=f'{{"path":"/{user}"}}') for user in range(10)])
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (MIDNIGHT, "page_view", "/7") not in await pages(connection)
        await connection.execute("alter table model_1.analytics_events drop constraint no_7")
        retrying = await asyncpg.connect(settings.dsn)
        assert [one.reason async for one in (await ParkedEvents.of(retrying)).retry()] == [None]
        await retrying.close()
        await log_events(log, [event(user_id=7, data='{"path":"/7"}')])
        await until_projected(connection, log, task)
    assert (await read_model(connection)).pages == (await recount_log(log)).pages
    assert (await verify(log, connection)).differences == []


async def test_beyond_the_limit_of_a_day_pages_are_counted_together(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = msgspec.structs.replace(PAGES, limit=5)
    for module in ("projection.pages", "verification.run", "verification.tables"):
        monkeypatch.setattr(f"{module}.PAGES", few)
    for turn, size in enumerate((3, 40), 1):
        await log_events(log, [event(user_id=n % 4, data=f'{{"path":"/{n % 8}"}}') for n in range(40)])
        await project(settings.model_copy(update={"batch_size": size}), log, connection)
        await merge_user_sets(settings.dsn)
        rows = await connection.fetch("select path, events, visitors from pages order by other, path")
        assert [tuple(row) for row in rows] == [*((f"/{n}", 5 * turn, 1) for n in range(5)), (None, 15 * turn, 3)]
        assert (await verify(log, connection)).differences == []


@pytest.mark.parametrize(
    ("damage", "difference"),
    [
        (
            "update pages_cells_day set events = events + 1 where path = '/a'",
            "pages, day 2026-03-01T00:00:00+00:00 path='/a' event_type='page_view': events is 3, the log says 2",
        ),
        (
            "delete from pages_cells_day where path = '/b'",
            "pages, day 2026-03-01T00:00:00+00:00 path='/b' event_type='http_request': it is missing",
        ),
        (
            "delete from pages_members where path = '/b'",
            "pages, day 2026-03-01T00:00:00+00:00 path='/b' event_type='http_request': user 2 is missing",
        ),
    ],
)
async def test_verify_names_a_page_that_is_not_what_the_log_says(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, damage: str, difference: str
) -> None:
    await log_events(log, [event(data='{"path":"/a"}'), event(data='{"path":"/a"}')])
    await log_events(log, [event("http_request", 2, data='{"path":"/b"}')])
    await project(settings, log, connection)
    await merge_user_sets(settings.dsn)
    await connection.execute("set search_path = model_1, public")
    await connection.execute(damage)
    await connection.execute("reset search_path")
    assert (await verify(log, connection)).differences == [difference]


async def test_a_model_from_before_pages_is_projected_without_them_until_a_replay(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    logged = [*visits(30)]
    await log_events(log, [one for one, _ in logged[:20]])
    await project(settings, log, connection)
    await _remove_pages(connection)
    await migrate(connection, settings)
    await log_events(log, [one for one, _ in logged[20:]])
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert await pages(connection) == {}
        assert (await verify(log, connection)).differences == []
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
        await cut_over(log, connection, verifier(log, connection))
        assert await pages(connection) == recount(logged)


async def _remove_pages(connection: asyncpg.Connection) -> None:
    """Takes a model back to what it was before the migration."""
    for view in ("pages", "pages_cells_day", "pages_members", "pages_set_log", "projection_position"):
        await connection.execute(f"drop view public.{view} cascade")
    await connection.execute("drop table model_1.pages_cells_day, model_1.pages_members, model_1.pages_set_log")
    await connection.execute("alter table model_1.projection_position drop column keeps_pages")
    await connection.execute("delete from tailrace.migrations where scope = 'model_1' and name like '%pages'")


def test_users_that_an_earlier_version_packed_as_bitmaps_are_read() -> None:
    before = msgspec.msgpack.encode([(0, False, ("/a", None), BitMap([1, 5]).serialize())])
    cell = SetCell(0, False, ("/a", None), BitMap([1, 5]))
    assert [*unpack(before)] == [*unpack(pack([(0, False, ("/a", None), [1, 5])]))] == [cell]
    after = pack([(0, False, ("/a", None), [5, 7]), (0, True, (None, None), [2])])
    assert [*unite([before, after])] == [
        cell._replace(users=BitMap([1, 5, 7])),
        SetCell(0, True, (None, None), BitMap([2])),
    ]

"""Grafana's dashboards and alerts: every query of the committed files, on both flavours, against a naive count."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import asyncpg
import pytest

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import TYPES, event, log_events, log_raw
from tests.support.grafana import ALL, Query, expand, queries
from tests.support.projector import running_projector, until_projected
from tests.support.servers import NatsServer
from tests.support.waiting import until

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
RANGES = [(NOW - 2 * HOUR, NOW), (NOW - 3 * DAY, NOW), (NOW - 20 * DAY, NOW - DAY)]
NONE = ["it's none"]
CHOICES: list[list[str]] = [[ALL], ["click", "页面"], NONE]
SAMPLES = [
    (NOW - 40 * MINUTE, 100, 90, 10, 5.0, 1, 7, 3, 0, 1_000, 5_000),
    (NOW - 39 * MINUTE, 700, 390, 310, 65.0, 2, 8, 4, 1, 2_000, 6_000),
    (NOW - MINUTE, 760, 760, 0, 0.0, 3, 9, 0, 0, 3_000, 7_000),
]
"""Time, end of the log, position, lag in events and seconds, parked, rejected, inbox, late, sizes."""


class Seen(NamedTuple):
    """The expected data of the queries, and their parameters."""

    events: Sequence[Event]
    start: datetime
    end: datetime
    chosen: Sequence[str]
    asked_at: datetime
    chunks: tuple[int, int, int]
    """Chunks of all tables, of the events, and compressed ones, according to TimescaleDB."""

    @property
    def wanted(self) -> list[Event]:
        return [one for one in self.events if list(self.chosen) == [ALL] or one.event_type in self.chosen]

    @property
    def width(self) -> timedelta:
        length = self.end - self.start
        return MINUTE if length <= 6 * HOUR else HOUR if length <= 14 * DAY else DAY

    def buckets(self, width: timedelta) -> Counter[tuple[datetime, str]]:
        """Events by type and whole bucket that begins in the range."""
        counted = Counter((floor(one.created_at, width), one.event_type) for one in self.wanted)
        return Counter({key: count for key, count in counted.items() if self.start <= key[0] <= self.end})


def floor(time: datetime, width: timedelta) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (time - midnight) // width * width


def latest_sample(place: int) -> Callable[[Seen], Any]:
    return lambda seen: [(SAMPLES[-1][place],)]


def by_bucket(seen: Seen, width: timedelta) -> list[Any]:
    return sorted((*key, count) for key, count in seen.buckets(width).items())


def users_by_time(seen: Seen) -> list[Any]:
    width = HOUR if seen.end - seen.start <= 14 * DAY else DAY
    found: dict[tuple[datetime, str], set[int]] = {}
    for one in seen.wanted:
        if seen.start <= (at := floor(one.created_at, width)) <= seen.end and one.user_id is not None:
            metric = "all types" if list(seen.chosen) == [ALL] else one.event_type
            found.setdefault((at, metric), set()).add(one.user_id)
    return sorted((*key, len(users)) for key, users in found.items())


def users_of_day(seen: Seen) -> list[Any]:
    day = floor(seen.end, DAY)
    return [(len({one.user_id for one in seen.wanted if floor(one.created_at, DAY) == day} - {None}),)]


def top_paths(seen: Seen) -> list[Any]:
    inside = [one for one in seen.wanted if seen.start <= one.created_at <= seen.end]
    paths = Counter(bytes(one.event_data).decode().split('"')[3] for one in inside)
    return sorted(paths.items(), key=lambda item: (-item[1], item[0]))[:20]


def samples_of(*places: int) -> Callable[[Seen], Any]:
    def rows(seen: Seen) -> list[Any]:
        inside = (one for one in SAMPLES if seen.start <= one[0] <= seen.end)
        return [(one[0], *(one[place] for place in places)) for one in inside]

    return rows


def rates(seen: Seen) -> list[Any]:
    inside = [one for one in SAMPLES if seen.start <= one[0] <= seen.end]
    rows: list[Any] = [(inside[0][0], None, None)] if inside else []
    for before, after in pairwise(inside):
        seconds = (after[0] - before[0]).total_seconds()
        rows.append((after[0], (after[1] - before[1]) / seconds, (after[2] - before[2]) / seconds))
    return rows


EXPECTED: dict[tuple[str, str], Callable[[Seen], Any]] = {
    ("Live", "Events"): lambda seen: [(seen.buckets(seen.width).total(),)],
    ("Live", "Unique users"): users_of_day,
    ("Live", "Events of all time"): lambda seen: [(len(seen.events),)],
    ("Live", "Users of all time"): lambda seen: [(len({one.user_id for one in seen.events} - {None}),)],
    ("Live", "Event types"): lambda seen: [(len({one.event_type for one in seen.events}),)],
    ("Live", "Top paths"): top_paths,
    ("Pipeline health", "Lag"): latest_sample(4),
    ("Pipeline health", "Events not counted yet"): latest_sample(3),
    ("Pipeline health", "Parked events"): lambda seen: [(1,)],
    ("Pipeline health", "Waiting in the inbox"): latest_sample(7),
    ("Pipeline health", "Rejected messages"): latest_sample(6),
    ("Pipeline health", "Late events pending"): latest_sample(8),
    ("Pipeline health", "Size of the log"): latest_sample(9),
    ("Pipeline health", "Chunks"): lambda seen: [(*seen.chunks[1:], seen.chunks[1] - seen.chunks[2])],
    ("Live", "Unique users over time"): users_by_time,
    ("Live", "Events over time"): lambda seen: by_bucket(seen, max(seen.width, HOUR)),
    ("Pipeline health", "Lag over time"): samples_of(4),
    ("Pipeline health", "Rates"): rates,
    ("Pipeline health", "Parked, rejected, waiting"): samples_of(5, 6, 7, 8),
    ("Pipeline health", "Sizes"): samples_of(9, 10),
    ("alerts", "The tables lag"): latest_sample(4),
    ("alerts", "Events are parked"): lambda seen: [(1,)],
    ("alerts", "The log is away"): lambda seen: [(0,)],
}


def events_per_second(seen: Seen, rows: list[Any]) -> None:
    width = seen.width
    whole = {key: count for key, count in seen.buckets(width).items() if key[0] + width <= NOW}
    found = {row[:2]: float(row[2]) for row in rows if row[0] + width <= NOW}
    assert found == pytest.approx({key: count / width.total_seconds() for key, count in whole.items()})


def newest_first(seen: Seen, rows: list[Any]) -> None:
    inside = (one.created_at for one in seen.wanted if seen.start <= one.created_at <= seen.end)
    assert [row[0] for row in rows] == sorted(inside, reverse=True)[:20]


def choices(seen: Seen, rows: list[Any]) -> None:
    assert {row[0] for row in rows} == {one.event_type for one in seen.events}


def last_full_minute(seen: Seen, rows: list[Any]) -> None:
    minute = floor(seen.asked_at, MINUTE) - MINUTE
    events = sum(floor(one.created_at, MINUTE) == minute for one in seen.wanted)
    [(value,)] = rows
    assert float(value) == pytest.approx(events / 60)
    assert events or seen.chosen == NONE, "two empty results would be equal"


def since_the_last_sample(seen: Seen, rows: list[Any]) -> None:
    assert rounded(rows) == rounded([((seen.asked_at - SAMPLES[-1][0]).total_seconds(),)])


def known_tables(seen: Seen, rows: list[Any]) -> None:
    tables = {row[0]: row[1] for row in rows}
    assert {"ledger_1.event_ids", "tailrace.models"} <= tables.keys()
    assert (tables.get("chunks", 0), tables.get("compressed chunks", 0)) == (seen.chunks[0], seen.chunks[2])
    assert all(row[1] > 0 and row[2] >= 0 for row in rows)


def the_model(seen: Seen, rows: list[Any]) -> None:
    assert [(row[0], *row[2:4]) for row in rows] == [("model_1", True, "ready")]


CHECKS: dict[tuple[str, str], Callable[[Seen, list[Any]], None]] = {
    ("Live", "Event type"): choices,
    ("Live", "Events per second"): last_full_minute,
    ("Live", "Events by type"): events_per_second,
    ("Live", "Latest events"): newest_first,
    ("Pipeline health", "Last report"): since_the_last_sample,
    ("Pipeline health", "Tables"): known_tables,
    ("Pipeline health", "Read models"): the_model,
    ("alerts", "No report"): since_the_last_sample,
}


def some_events_for_it() -> list[Event]:
    """Events of the last two hours, three days and twenty days, and in every minute of the test."""
    chance = random.Random(3)
    begin = datetime.now(UTC) - 2 * MINUTE
    now = [
        event(TYPES[number % len(TYPES)], number % 30, begin + number * timedelta(seconds=5), '{"path":"/now"}')
        for number in range(144)
    ]
    return now + [
        event(
            chance.choice(TYPES),
            chance.randrange(30),
            NOW - MINUTE - timedelta(seconds=chance.randrange(1, span)),
            f'{{"path":"/{chance.randrange(30)}"}}',
        )
        for span in (7_000, 260_000, 1_800_000)
        for _ in range(80)
    ]


async def prepared(settings: Settings, log: LogClient, connection: "asyncpg.Connection") -> list[Event]:
    """Projects the events and an entry that is parked, and replaces the services' samples by known ones."""
    events = await log_events(log, some_events_for_it())
    await log_raw(log, b"garbage")
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await until(lambda: _settled(connection))
    await _compress(connection)
    await connection.execute("delete from tailrace.pipeline_samples")
    await connection.executemany(
        "insert into tailrace.pipeline_samples (sampled_at, model, log_last_seq, projected_seq, lag_events,"
        " lag_seconds, parked, rejected, inbox_waiting, late_pending, log_bytes, database_bytes)"
        " values ($1, 'model_1', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        SAMPLES,
    )
    return events


async def _compress(connection: "asyncpg.Connection") -> None:
    """Compresses chunks, as TimescaleDB's scheduler does."""
    if await _has_timescale(connection):
        jobs = "select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'"
        await connection.execute(f"call run_job({await connection.fetchval(jobs)})")


async def _has_timescale(connection: "asyncpg.Connection") -> bool:
    return bool(await connection.fetchval("select exists (select from pg_extension where extname = 'timescaledb')"))


async def _chunks(connection: "asyncpg.Connection") -> tuple[int, int, int]:
    if not await _has_timescale(connection):
        return 0, 0, 0
    events = "filter (where hypertable_name = 'analytics_events')"
    counts = f"count(*), count(*) {events}, count(*) {events[:-1]} and is_compressed)"
    every, of_events, compressed = await connection.fetchrow(f"select {counts} from timescaledb_information.chunks")
    assert 0 < compressed < of_events < every
    return every, of_events, compressed


async def _settled(connection: "asyncpg.Connection") -> bool:
    return bool(
        await connection.fetchval(
            "select sets_seq = seq and not exists (select from late_ranges) from projection_position"
        )
    )


async def test_every_query_returns_the_right_numbers(
    nats_server: NatsServer, log: LogClient, of_each_flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projection.user_sets.MERGE_INTERVAL", 0.0)
    settings = Settings(nats_url=nats_server.url, database=of_each_flavour)
    connection = await asyncpg.connect(of_each_flavour, server_settings={"timezone": "UTC"})
    seen_events = await prepared(settings, log, connection)
    chunks = await _chunks(connection)
    asked = list(queries())
    assert {(query.where, query.title) for query in asked} == EXPECTED.keys() | CHECKS.keys()
    for start, end in RANGES:
        for chosen in CHOICES:
            for query in asked:
                sql = expand(query.sql, start, end, {"event_type": chosen})
                async with connection.transaction(readonly=True, isolation="repeatable_read"):
                    asked_at = await connection.fetchval("select now()")
                    rows = [tuple(row) for row in await connection.fetch(sql)]
                check(query, rows, Seen(seen_events, start, end, chosen, asked_at, chunks))
    await connection.close()


def check(query: Query, rows: list[Any], seen: Seen) -> None:
    key = (query.where, query.title)
    if key in CHECKS:
        CHECKS[key](seen, rows)
    else:
        assert rounded(rows) == rounded(EXPECTED[key](seen)), f"{query} {seen[1:]}"


def rounded(rows: Iterable[Any]) -> list[Any]:
    return [tuple(_rounded(value) for value in row) for row in rows]


def _rounded(value: Any) -> Any:
    return round(float(value), 6) if isinstance(value, int | float | Decimal) else value

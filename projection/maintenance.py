"""Maintenance of a timescale model: refreshes aggregates for late and new events, and drops old rows (retention).

One module does all of it, because the steps depend on each other: a refresh never covers dropped rows, rows are dropped
only where every aggregate is final, and the materialized part grows without a hole.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

import asyncpg

from contracts.errors import TailraceError
from migrations.catalogue import Model
from migrations.flavours import extension_schema
from projection.store import projection_sql
from runtime.postgres import UNAVAILABLE, close, connect
from runtime.settings import Settings
from runtime.supervise import Outage, retry

MATERIALIZE_AFTER = timedelta(minutes=10)
"""Age at which events are materialized; twice the age at which the projector counts an event as late."""
POLL_INTERVAL = 1.0
"""Seconds between checks for late hours."""
ADVANCE_INTERVAL = 60.0
"""Seconds after which the materialized part grows even without late events."""
RETENTION_INTERVAL = 3600.0
"""Seconds between checks for rows that are old enough to be dropped."""
STATEMENT_TIMEOUT = 30.0
"""Seconds that short statements may take: a database that hangs looks like a slow one."""
LONG_TIMEOUT = 3600.0
"""Seconds that a refresh or the drop of old rows may take; a day of 20 million events takes minutes."""

REFRESH = (
    "call refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz,"
    """ options => '{"buckets_per_batch": 0}')"""
)
"""In one transaction: the default of TimescaleDB 2.28 and newer is batches, the newest first. The rest is missing from
the real-time view until it is done, and for good after an interruption."""
SNAPSHOTS_TIMEOUT = 60.0
"""Seconds to wait for transactions that still read the rows, before they are dropped."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AGGREGATES = (("events_by_minute", MINUTE), ("events_by_hour", HOUR), ("events_by_day", DAY))
"""Each with its bucket, in order of dependence."""

logger = logging.getLogger("tailrace.projection.maintenance")


class TimeRange(NamedTuple):
    """A range of time to refresh; ``start`` None: from the beginning."""

    start: datetime | None
    end: datetime


async def maintain(settings: Settings, model: Model) -> None:
    """Maintains a model until cancelled, through outages; returns at once for the postgres flavour."""

    async def run() -> None:
        connection = await connect(
            settings.dsn, name="maintenance", limit=STATEMENT_TIMEOUT, statement_timeout=f"{LONG_TIMEOUT:g}s"
        )
        try:
            await _maintain(Maintenance(connection, model), timedelta(days=settings.retention_days))
        finally:
            await close(connection)

    if model.flavour == "timescale":
        await retry(
            run,
            asyncio.Event(),
            on=(TailraceError, asyncpg.PostgresError, *UNAVAILABLE),
            outage=Outage(logger, f"the maintenance of {model.name} waits"),
        )


async def _maintain(maintenance: "Maintenance", retention: timedelta) -> None:
    advanced = retained = -float("inf")
    while True:
        now = time.monotonic()
        if now - advanced >= ADVANCE_INTERVAL or await maintenance.has_late():
            await maintenance.refresh()
            advanced = time.monotonic()
        if retention and now - retained >= RETENTION_INTERVAL:
            await maintenance.drop_rows(retention)
            retained = now
        # refreshing takes at most half of the time, however many events are late
        await asyncio.sleep(max(POLL_INTERVAL, time.monotonic() - now))


class Maintenance:
    """Maintains one model through a connection of its own, which has no open transaction."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self._connection = connection
        self._model = model

    async def has_late(self) -> bool:
        """Whether an hour waits for a refresh."""
        await self._use_model()
        return bool(await self._connection.fetchval("select exists (select from late_ranges)"))

    async def refresh(self) -> None:
        """Refreshes the aggregates for every late event and materializes what is old enough.

        Late events that are committed in the meantime stay pending.
        """
        await self._use_model()
        async with self._exclusive():
            await self._refresh()

    async def _refresh(self) -> None:
        # one snapshot: for every event up to this position it is known whether it is late
        async with self._connection.transaction(isolation="repeatable_read"):
            seq, now, raw_from = await self._connection.fetchrow("select seq, now(), raw_from from projection_position")
            late = await self._connection.fetch(projection_sql("late_hours"))
        hours = [row["hour"] for row in late]
        materialized = dict(await self._connection.fetch("select aggregate, until from materialized"))
        for aggregate, bucket in AGGREGATES:
            end = _floor(now - MATERIALIZE_AFTER, bucket)
            for part in ranges_to_refresh(hours, bucket, materialized.get(aggregate), end, raw_from):
                relation = f"{self._model.name}.{aggregate}"
                await self._connection.execute(REFRESH, relation, *part, timeout=LONG_TIMEOUT)
            await self._connection.execute(projection_sql("materialized_until"), aggregate, end)
        if not late:
            return
        async with self._connection.transaction():
            # the position's row first, like every batch
            await self._connection.execute(projection_sql("move_settled"), seq)
            await self._connection.execute(projection_sql("subtract_late"), hours, [row["events"] for row in late])
            await self._connection.execute(projection_sql("delete_settled_hours"))

    async def drop_rows(self, retention: timedelta) -> datetime | None:
        """Drops the rows that are older than ``retention`` (whole chunks), after every aggregate is final for them.

        Stores the horizon first, and drops only when every transaction that began before has ended: chunks vanish for
        older snapshots too.

        Returns:
            The time from which rows are kept; None if nothing was dropped.
        """
        await self._use_model()
        async with self._exclusive():
            return await self._drop_rows(retention)

    async def _drop_rows(self, retention: timedelta) -> datetime | None:
        horizon = _floor(await self._connection.fetchval("select now()") - retention, DAY)
        stored = await self._store_horizon(horizon)
        if stored is None or not await self._older_snapshots_end(stored):
            return None
        try:
            async with self._connection.transaction():
                await self._connection.execute("set local lock_timeout = '1s'")
                await self._connection.execute(
                    "select drop_chunks('analytics_events', older_than => $1::timestamptz)",
                    horizon,
                    timeout=LONG_TIMEOUT,
                )
        except asyncpg.LockNotAvailableError:
            return None
        logger.info("%s: rows before %s were dropped; their counts stay", self._model.name, horizon.date())
        return horizon

    async def _store_horizon(self, horizon: datetime) -> str | None:
        """Stores the time from which rows are kept, if there are older rows and every aggregate is final for them.

        Returns:
            The transaction's id; None if nothing can be dropped.
        """
        async with self._connection.transaction():
            # the position row's lock waits for the current batch, and the next one sees the horizon
            await self._connection.execute("select from projection_position for update")
            old = await self._connection.fetchval(
                "select count(*) from show_chunks('analytics_events', older_than => $1::timestamptz)", horizon
            )
            late = await self._connection.fetchval("select exists (select from late_ranges where hour < $1)", horizon)
            final = await self._connection.fetchval("select count(*) from materialized where until >= $1", horizon)
            if not old or late or final < len(AGGREGATES):
                return None
            await self._connection.execute("update projection_position set raw_from = $1", horizon)
            xid: str = await self._connection.fetchval("select pg_current_xact_id()::xid::text")
            return xid

    async def _older_snapshots_end(self, xid: str) -> bool:
        deadline = time.monotonic() + SNAPSHOTS_TIMEOUT
        while await self._connection.fetchval(projection_sql("older_snapshots"), xid):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_INTERVAL)
        return True

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Holds the maintenance lock: two refreshes at a time would subtract the same late events twice.

        The maintenance of a projector that lost its lock without noticing still runs. After an error the lock is held
        until the connection is closed.
        """
        lock = crc32(f"tailrace maintenance {self._model.name}".encode())
        while True:
            # polls: a statement that waits in the database keeps rows from being dropped
            if await self._connection.fetchval("select pg_try_advisory_lock($1)", lock):
                break
            await asyncio.sleep(POLL_INTERVAL)
        yield
        await self._connection.execute("select pg_advisory_unlock($1)", lock)

    async def _use_model(self) -> None:
        schema = await extension_schema(self._connection)
        await self._connection.execute("select set_config('search_path', $1, false)", f"{self._model.name}, {schema}")


def ranges_to_refresh(
    late: Iterable[datetime], bucket: timedelta, materialized: datetime | None, end: datetime, raw_from: datetime | None
) -> list[TimeRange]:
    """Returns the ranges of an aggregate to refresh, in order: late hours, and from ``materialized`` up to ``end``.

    The first refresh has no beginning. No range passes ``end``: a refresh moves the boundary to the real-time part, and
    only older events count as late. No range begins before ``raw_from``: refreshing dropped rows deletes their counts.
    """
    if materialized is None:
        return [TimeRange(None, end)]
    spans = [(_floor(hour, bucket), _floor(hour + HOUR - timedelta(microseconds=1), bucket) + bucket) for hour in late]
    found: list[TimeRange] = []
    for start, stop in sorted([*spans, (materialized, end)]):
        if raw_from is not None:
            start = max(start, raw_from)
        stop = min(stop, end)
        if start >= stop:
            continue
        if found and start <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, stop))
        else:
            found.append(TimeRange(start, stop))
    return found


def _floor(time: datetime, bucket: timedelta) -> datetime:
    """Returns the beginning of the bucket (at most a day) of a time, UTC."""
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (time - day) // bucket * bucket

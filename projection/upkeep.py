"""Upkeep of a model of the timescale flavour: late events into the aggregates, new ones materialized, old rows dropped.

One place does all three, so they can't contradict each other: a refresh never reaches where rows were dropped, rows are
dropped only where every aggregate is final, and the materialized part grows without leaving anything out.
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
from runtime.postgres import UNAVAILABLE, connect
from runtime.settings import Settings

MATERIALIZE_AFTER = timedelta(minutes=10)
"""Age at which events are materialized; twice the age from which on the projector notes an event as late."""
POLL = 1.0
"""Seconds between looks at late hours."""
ADVANCE = 60.0
"""Seconds after which the materialized part grows even if nothing came late."""
RETAIN = 3600.0
"""Seconds between looks at what has become old enough to be dropped."""
PAUSE = 5.0

REFRESH = (
    "call refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz,"
    """ options => '{"buckets_per_batch": 0}')"""
)
"""In one transaction: by itself TimescaleDB (2.28 and newer) works in batches, the newest first, and what is not done
yet is missing from the real-time view, for good if it is interrupted."""
SNAPSHOTS_END = 60.0
"""Seconds to wait for the transactions that still see rows as kept, before they are dropped."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AGGREGATES = (("events_by_minute", MINUTE), ("events_by_hour", HOUR), ("users_by_hour", HOUR), ("events_by_day", DAY))
"""Each with its bucket, in the order they are made from each other."""

logger = logging.getLogger("tailrace.projection.upkeep")


class Stretch(NamedTuple):
    """A range of time to refresh; ``start`` None: from the beginning."""

    start: datetime | None
    end: datetime


async def keep_up(settings: Settings, model: Model) -> None:
    """Keeps a model up until cancelled, through outages; returns at once for the postgres flavour, which needs none."""
    while model.flavour == "timescale":
        try:
            connection = await connect(settings.dsn, name="upkeep")
            try:
                await _keep(Upkeep(connection, model), timedelta(days=settings.retention_days))
            finally:
                await connection.close(timeout=2)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            logger.warning("%s: refreshing again in %g s: %s", model.name, PAUSE, error or type(error).__name__)
            await asyncio.sleep(PAUSE)


async def _keep(upkeep: "Upkeep", retention: timedelta) -> None:
    advanced = retained = -float("inf")
    while True:
        now = time.monotonic()
        if now - advanced >= ADVANCE or await upkeep.has_late():
            await upkeep.refresh()
            advanced = time.monotonic()
        if retention and now - retained >= RETAIN:
            await upkeep.drop_rows(retention)
            retained = now
        # at most half of the time is spent refreshing, however late the events are
        await asyncio.sleep(max(POLL, time.monotonic() - now))


class Upkeep:
    """Works on one model through a connection of its own, outside transactions."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self._connection = connection
        self._model = model

    async def has_late(self) -> bool:
        """Whether an hour waits for a refresh."""
        await self._use_model()
        return bool(await self._connection.fetchval("select exists (select from late_ranges)"))

    async def refresh(self) -> None:
        """Brings every late event into the aggregates, and materializes what has become old enough.

        What comes meanwhile stays pending, and no more than that: what had been committed before is refreshed for good.
        """
        await self._use_model()
        async with self._alone():
            await self._refresh()

    async def _refresh(self) -> None:
        # one snapshot: of every event up to this position it is known whether it is late
        async with self._connection.transaction(isolation="repeatable_read"):
            seq, now, raw_from = await self._connection.fetchrow("select seq, now(), raw_from from projection_position")
            late = await self._connection.fetch(projection_sql("late_hours"))
        hours = [row["hour"] for row in late]
        materialized = dict(await self._connection.fetch("select aggregate, until from materialized"))
        for aggregate, bucket in AGGREGATES:
            end = _floor(now - MATERIALIZE_AFTER, bucket)
            for stretch in stretches(hours, bucket, materialized.get(aggregate), end, raw_from):
                await self._connection.execute(REFRESH, f"{self._model.name}.{aggregate}", *stretch)
            await self._connection.execute(projection_sql("materialized_until"), aggregate, end)
        if not late:
            return
        async with self._connection.transaction():
            # the position's row first, as every batch does
            await self._connection.execute(projection_sql("move_settled"), seq)
            await self._connection.execute(projection_sql("forget_late"), hours, [row["events"] for row in late])
            await self._connection.execute(projection_sql("forget_hours"))

    async def drop_rows(self, retention: timedelta) -> datetime | None:
        """Drops the rows that are older than ``retention`` (whole chunks), once every aggregate has them for good.

        First is noted from when on rows are kept, and only when no transaction is left that began before are they
        dropped: chunks vanish for older snapshots too.

        Returns:
            From when on rows are kept; None where none were dropped: there are no old ones, or not yet.
        """
        await self._use_model()
        async with self._alone():
            return await self._drop_rows(retention)

    async def _drop_rows(self, retention: timedelta) -> datetime | None:
        horizon = _floor(await self._connection.fetchval("select now()") - retention, DAY)
        noted = await self._note_horizon(horizon)
        if noted is None or not await self._older_snapshots_end(noted):
            return None
        try:
            async with self._connection.transaction():
                await self._connection.execute("set local lock_timeout = '1s'")
                await self._connection.execute(
                    "select drop_chunks('analytics_events', older_than => $1::timestamptz)", horizon
                )
        except asyncpg.LockNotAvailableError:
            return None
        logger.info("%s: rows before %s were dropped, their counts are kept", self._model.name, horizon.date())
        return horizon

    async def _note_horizon(self, horizon: datetime) -> str | None:
        """Notes that rows are kept from ``horizon`` on, where there are older ones that every aggregate has.

        Returns:
            The transaction's id, None where nothing can be dropped.
        """
        async with self._connection.transaction():
            # the position row's lock: no batch is on its way meanwhile, and the next one sees the horizon
            await self._connection.execute("select from projection_position for update")
            old = await self._connection.fetchval(
                "select count(*) from show_chunks('analytics_events', older_than => $1::timestamptz)", horizon
            )
            late = await self._connection.fetchval("select exists (select from late_ranges where hour < $1)", horizon)
            final = await self._connection.fetchval("select count(*) from materialized where until >= $1", horizon)
            if not old or late or final < len(AGGREGATES):
                return None
            await self._connection.execute("update projection_position set raw_from = $1", horizon)
            noted: str = await self._connection.fetchval("select pg_current_xact_id()::xid::text")
            return noted

    async def _older_snapshots_end(self, xid: str) -> bool:
        deadline = time.monotonic() + SNAPSHOTS_END
        while await self._connection.fetchval(projection_sql("older_snapshots"), xid):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL)
        return True

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Only one at a time: two would take away the same late events twice, and forget others with them.

        A projector that has lost its lock and not noticed yet has an upkeep that goes on. After an error the lock is
        held until the connection is closed.
        """
        lock = crc32(f"tailrace upkeep {self._model.name}".encode())
        while True:
            # not waited for in the database: a statement that waits there keeps rows from being dropped
            if await self._connection.fetchval("select pg_try_advisory_lock($1)", lock):
                break
            await asyncio.sleep(POLL)
        yield
        await self._connection.execute("select pg_advisory_unlock($1)", lock)

    async def _use_model(self) -> None:
        schema = await extension_schema(self._connection)
        await self._connection.execute("select set_config('search_path', $1, false)", f"{self._model.name}, {schema}")


def stretches(
    late: Iterable[datetime], bucket: timedelta, materialized: datetime | None, end: datetime, raw_from: datetime | None
) -> list[Stretch]:
    """What to refresh of an aggregate, in order: the late hours, and everything from ``materialized`` up to ``end``.

    The first refresh begins where time begins. Nothing reaches beyond ``end``: a refresh moves the boundary to the
    real-time part, and what arrives is late only if it is older than that. Nothing reaches before ``raw_from``: a
    refresh where rows were dropped deletes their counts.
    """
    if materialized is None:
        return [Stretch(None, end)]
    spans = [(_floor(hour, bucket), _floor(hour + HOUR - timedelta(microseconds=1), bucket) + bucket) for hour in late]
    found: list[Stretch] = []
    for start, stop in sorted([*spans, (materialized, end)]):
        if raw_from is not None:
            start = max(start, raw_from)
        stop = min(stop, end)
        if start >= stop:
            continue
        if found and start <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, stop))
        else:
            found.append(Stretch(start, stop))
    return found


def _floor(moment: datetime, bucket: timedelta) -> datetime:
    """The beginning of the bucket (at most a day) that holds a moment, UTC."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // bucket * bucket

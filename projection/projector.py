"""The projector's loop: it commits one batch while it reads the next. The position is stored only in the database."""

import asyncio
import logging
import time
from collections.abc import Callable

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from contracts.upcasting import Upcasters
from projection.batch import Batch, park_entry
from projection.decode import decode
from projection.parked_limit import ParkedLimit
from projection.store import CAUSED_BY_DATA, Committed, Store
from runtime.log.client import LogClient
from runtime.log.positions import verify_position
from runtime.log.reader import LogReader
from runtime.supervise import sleep_until_stop

READ_TIMEOUT = 1.0
DECODED_AT_ONCE = 1_000
"""Entries decoded without a pause: some 2 ms, in which the database may wait for its next statement."""

logger = logging.getLogger("tailrace.projection")


class Observer:
    """Receives the events of a projector's work on one model; this base class ignores them."""

    def standing_by(self) -> None:
        """Another projector is active."""

    def waits(self, problem: str | None) -> None:
        """The database refuses the work with this sentence; None: it does no more."""

    def active(self) -> None:
        """This projector is active."""

    def at(self, position: Cursor) -> None:
        """The model's position at the start and after each batch."""

    def committed(self, batch: Batch, done: Committed, began: int, ended: int) -> None:
        """A batch was committed; its transaction took from ``began`` to ``ended`` (ns since 1970)."""

    def ended(self) -> None:
        """The work has ended; it may start again."""


class Projector:
    """Projects the log into one read model. The store rejects a second active projector of the same model."""

    def __init__(
        self,
        client: LogClient,
        store: Store,
        upcasters: Upcasters,
        *,
        batch_size: int,
        limit: ParkedLimit,
        until: int | None = None,
        share: float = 1.0,
        observer: Observer,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_progress`` is called after each batch, and after each read of the log that finds nothing new."""
        self._client = client
        self._store = store
        self._upcasters = upcasters
        self._batch_size = batch_size
        self._limit = limit
        self._until = until
        self._share = share
        self._observer = observer
        self._on_progress = on_progress
        self._ahead = False

    async def run(self, stop: asyncio.Event) -> None:
        """Projects until ``stop`` is set or the model is at entry ``until``; finishes the current batch first.

        Works at most ``share`` of the time.

        Raises:
            PositionMovedError: another projector moved the model's position; run again to continue from there.
            LogUnavailableError, asyncpg.PostgresError, OSError: run again to resume.
            ForeignHistoryError, LostEntriesError, TooManyParkedError: an operator has to decide.
        """
        position = await self._store.position() or Cursor((await self._client.state()).epoch, 0)
        ledger = await self._store.ledger.position()
        if ledger.seq > position.seq:
            await verify_position(self._client, ledger)
        logger.info("projecting from %s", position)
        if self._arrived(position):
            return
        reader = LogReader(self._client, position)
        stopping = asyncio.create_task(stop.wait())
        self._reading = asyncio.create_task(self._read(reader))
        following = asyncio.create_task(self._next(reader))
        try:
            while True:
                await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    break
                batch = following.result()
                merge = self._store.sets.is_due(idle=batch is None, more=len(batch.rows) if batch else 0)
                self._ahead = not merge and self._share == 1
                following = asyncio.create_task(self._next(reader))
                if batch is None:
                    await self._store.position()  # the server ends idle sessions, and this one notices a dead server
                    if merge:
                        await self._store.merge()
                    self._on_progress()
                else:
                    began = time.monotonic()
                    self._limit.check(batch)
                    position = await self._commit(batch, position)
                    if merge:
                        await self._store.merge()
                    self._on_progress()
                    if self._arrived(position):
                        break
                    if self._share < 1:
                        await sleep_until_stop(stop, (time.monotonic() - began) * (1 / self._share - 1))
        finally:
            for task in (stopping, following, self._reading):
                task.cancel()
            await asyncio.gather(following, self._reading, return_exceptions=True)
            await reader.close()
        if not following.cancelled() and not isinstance(following.exception(), TailraceError):
            following.result()  # an unexpected error must not get lost while the projector stops

    def _arrived(self, position: Cursor) -> bool:
        self._observer.at(position)
        return self._until is not None and position.seq >= self._until

    async def _next(self, reader: LogReader) -> Batch | None:
        """Sends the next batch, and begins to read the one after it, while the database works on the one before."""
        batch = await self._reading
        self._reading = asyncio.create_task(self._read(reader))
        if batch is not None and self._ahead:
            try:
                await self._store.prepare(batch)
            except CAUSED_BY_DATA:
                await self._store.discard()  # committing it shows the error again
        return batch

    async def _read(self, reader: LogReader) -> Batch | None:
        """Reads and decodes entries; between parts of a large batch, answers of the database have their turn."""
        entries = await reader.read(self._batch_size, READ_TIMEOUT)
        if self._until is not None:
            entries = [entry for entry in entries if entry.seq <= self._until]
        if not entries:
            return None
        batch = decode(entries[:DECODED_AT_ONCE], self._upcasters)
        for first in range(DECODED_AT_ONCE, len(entries), DECODED_AT_ONCE):
            await asyncio.sleep(0)
            part = decode(entries[first : first + DECODED_AT_ONCE], self._upcasters)
            batch.rows.extend(part.rows)
            batch.parked.extend(part.parked)
        return batch._replace(entries=entries)

    async def _commit(self, batch: Batch, position: Cursor) -> Cursor:
        """Commits a batch; bisects it to find and park an entry whose content the database refuses."""
        began = time.time_ns()
        try:
            done = await self._store.commit(batch, position)
        except CAUSED_BY_DATA as error:
            if not batch.rows:
                raise
            self._ahead = False
            await self._store.discard()
            if len(batch.entries) == 1:
                reason = f"the database refuses it: {error.args[0]}"
                refused = Batch(batch.entries, [], [park_entry(batch.entries[0], "database_refused", reason)])
                self._limit.check(refused)
                return await self._commit(refused, position)
            middle = len(batch.entries) // 2
            position = await self._commit(decode(batch.entries[:middle], self._upcasters), position)
            return await self._commit(decode(batch.entries[middle:], self._upcasters), position)
        self._observer.committed(batch, done, began, time.time_ns())
        for item in batch.parked:
            logger.warning("parked log entry %d: %s", item.entry.seq, item.reason)
        for gap in batch.gaps(position.seq):
            logger.warning("passed log entries %d to %d, which are recorded as lost", gap.first, gap.last)
        logger.debug("projected to %d: %d stored, %d duplicates", batch.entries[-1].seq, done.stored, done.duplicates)
        return batch.position(position.epoch)

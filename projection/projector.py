"""The loop: while one batch commits, the next is read; the position is kept in the database alone."""

import asyncio
import logging
import time

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from contracts.upcasting import Upcasters
from projection.batch import Batch, decode, park
from projection.guard import ParkedGuard
from projection.observing import Observer
from projection.store import CAUSED_BY_DATA, Store
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.supervise import sleep_until_stop

READ_WAIT = 1.0

logger = logging.getLogger("tailrace.projection")


class Projector:
    """Projects the log into one read model. Only one may be active for a model; the store makes sure of it."""

    def __init__(
        self,
        client: LogClient,
        store: Store,
        upcasters: Upcasters,
        *,
        batch_size: int,
        guard: ParkedGuard,
        until: int | None = None,
        share: float = 1.0,
        observer: Observer,
    ) -> None:
        self._client = client
        self._store = store
        self._upcasters = upcasters
        self._batch_size = batch_size
        self._guard = guard
        self._until = until
        self._share = share
        self._observer = observer

    async def run(self, stop: asyncio.Event) -> None:
        """Projects until ``stop`` is set, or the entry ``until`` is in the model; the batch at hand is finished first.

        At most ``share`` of the time is spent working.

        Raises:
            PositionMovedError: somebody else moved the model's position; running again goes on from there.
            LogUnavailableError, asyncpg.PostgresError, OSError: running again goes on where it was.
            ForeignHistoryError, LogHoleError, TooManyParkedError: a person has to decide.
        """
        position = await self._store.position() or Cursor((await self._client.state()).epoch, 0)
        logger.info("projecting from %s", position)
        if self._arrived(position):
            return
        reader = LogReader(self._client, position)
        stopping = asyncio.create_task(stop.wait())
        reading = asyncio.create_task(self._read(reader))
        try:
            while True:
                await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    return
                batch = reading.result()
                reading = asyncio.create_task(self._read(reader))
                if batch is not None:
                    began = time.monotonic()
                    self._guard.admit(batch)
                    position = await self._commit(batch, position)
                    if self._arrived(position):
                        return
                    if self._share < 1:
                        await sleep_until_stop(stop, (time.monotonic() - began) * (1 / self._share - 1))
        finally:
            stopping.cancel()
            reading.cancel()
            # not awaited: result() may have raised its error already, and a second time loses where it was made
            [ended] = await asyncio.gather(reading, return_exceptions=True)
            await reader.close()
            if isinstance(ended, Exception) and not isinstance(ended, TailraceError):
                raise ended

    def _arrived(self, position: Cursor) -> bool:
        self._observer.at(position)
        return self._until is not None and position.seq >= self._until

    async def _read(self, reader: LogReader) -> Batch | None:
        """The next entries, decoded: the database works on those before meanwhile."""
        entries = await reader.read(self._batch_size, READ_WAIT)
        if self._until is not None:
            entries = [entry for entry in entries if entry.seq <= self._until]
        return decode(entries, self._upcasters) if entries else None

    async def _commit(self, batch: Batch, position: Cursor) -> Cursor:
        """Commits a batch; an entry that the database refuses for its content is found by halving, and parked."""
        began = time.time_ns()
        try:
            done = await self._store.commit(batch, position)
        except CAUSED_BY_DATA as error:
            if not batch.events:
                raise
            if len(batch.entries) == 1:
                refused = park(batch.entries[0], "database_refused", f"the database refuses it: {error.args[0]}")
                self._guard.admit(refused)
                return await self._commit(refused, position)
            middle = len(batch.entries) // 2
            position = await self._commit(decode(batch.entries[:middle], self._upcasters), position)
            return await self._commit(decode(batch.entries[middle:], self._upcasters), position)
        self._observer.committed(batch, done, began, time.time_ns())
        for item in batch.parked:
            logger.warning("parked log entry %d: %s", item.entry.seq, item.reason)
        for gap in batch.gaps(position.seq):
            logger.warning("log entries %d to %d are recorded as lost: passed", gap.first, gap.last)
        logger.debug("projected to %d: %d stored, %d repeated", batch.entries[-1].seq, done.stored, done.duplicates)
        return batch.position(position.epoch)

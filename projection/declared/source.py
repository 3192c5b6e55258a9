"""Reads the log for projections: only what the ledger has claimed, and without what it calls duplicates."""

import asyncio
from collections.abc import Collection

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import ForeignHistoryError
from contracts.upcasting import Upcasters
from projection.declared.batch import SharedBatch
from projection.store import projection_sql
from runtime.log.client import LogClient
from runtime.log.reader import LogReader

POLL_INTERVAL = 0.02
"""Seconds between looks at the ledger while entries wait for it: about the time of a batch of the built-in model."""


class LedgerView:
    """Reads a ledger; several tasks may use its connection, whose ``search_path`` is the ledger's schema."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._read_duplicates = projection_sql("read_duplicates")

    async def position(self) -> Cursor:
        """Returns the ledger's position; its epoch is empty before the first claim."""
        async with self._lock:
            return Cursor(*await self._connection.fetchrow("select epoch, seq, fingerprint from ledger_position"))

    async def duplicates(self, first: int, last: int) -> set[int]:
        """Returns the sequences from ``first`` to ``last`` that repeat an id."""
        async with self._lock:
            ranges = await self._connection.fetch(self._read_duplicates, first, last)
        return {seq for start, end in ranges for seq in range(start, end + 1)}


class Source:
    """Yields the log's entries behind a position as batches. One task reads at a time."""

    def __init__(
        self,
        client: LogClient,
        position: Cursor,
        ledger: LedgerView,
        upcasters: Upcasters,
        subjects: Collection[str] = (),
        until: Cursor | None = None,
    ) -> None:
        self.position = position
        """The end of the last batch."""
        self._ledger = ledger
        self._upcasters = upcasters
        self._until = until
        self._reader = LogReader(client, position, subjects)
        self._held: list[LogEntry] = []

    async def read(self, limit: int, wait: float) -> SharedBatch | None:
        """Returns the next batch; None if nothing comes, or the ledger claims nothing, within about ``wait`` seconds.

        Raises:
            ForeignHistoryError, LostEntriesError: an operator has to decide.
            LogUnavailableError, asyncpg.PostgresError, OSError: read again.
        """
        if not self._held:
            self._held = await self._reader.read(limit, wait)
        end = await self._claimed(wait)
        entries = [entry for entry in self._held if entry.seq <= end.seq]
        if entries:
            position = entries[-1].cursor(self.position.epoch)
        else:
            # the reader has skipped entries of other subjects, perhaps beyond the end
            position = end if self._held else min(self._reader.position, end, key=lambda one: one.seq)
        if position.seq <= self.position.seq:
            return None
        duplicates = await self._ledger.duplicates(self.position.seq + 1, position.seq)
        batch = SharedBatch(self.position, position, entries, duplicates, self._upcasters)
        self._held = self._held[len(entries) :]
        self.position = position
        return batch

    async def close(self) -> None:
        """Closes the reader."""
        await self._reader.close()

    async def _claimed(self, wait: float) -> Cursor:
        """Returns the position up to which batches may go; waits until that is beyond the last batch."""
        deadline = asyncio.get_running_loop().time() + wait
        wanted = self._held[0].seq if self._held else self._reader.position.seq
        while True:
            ledger = await self._ledger.position()
            if ledger.epoch not in ("", self.position.epoch):
                raise ForeignHistoryError(
                    f"the projection belongs to the log {self.position.epoch}, and the ledger to {ledger.epoch}"
                )
            if self._until is not None and self._until.seq <= ledger.seq:
                return self._until
            if ledger.seq >= wanted or asyncio.get_running_loop().time() > deadline:
                return ledger
            await asyncio.sleep(POLL_INTERVAL)

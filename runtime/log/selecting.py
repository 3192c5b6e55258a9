"""Reads those entries of the log that have certain subjects, up to the log's end: the server passes over the rest.

What it passes over is not seen here, so this is for a whole log: every entry is there or recorded as lost.
"""

import time

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.errors import TailraceError
from runtime.log.client import LogClient
from runtime.log.deliveries import Fetcher
from runtime.log.positions import check_epoch, verify_position
from runtime.log.reader import COMPARE, SILENCE


class NotWholeError(TailraceError):
    """The log has holes that are not recorded: read all of it, where each shows."""


class SelectingReader:
    """Yields the log's entries of some subjects in order, behind ``position``. One task reads at a time."""

    def __init__(self, client: LogClient, position: Cursor, subjects: list[str]) -> None:
        self.position = position
        """Every entry of the subjects up to here was yielded; ``read`` moves it."""
        self.finished = False
        """Whether the end was reached that the log had when reading began."""
        self.gaps: tuple[Gap, ...] = ()
        """The log's recorded gaps."""
        self._client = client
        self._subjects = subjects
        self._fetcher: Fetcher | None = None
        self._generation = -1
        self._end = position
        self._left = 0
        self._heard = self._compared = 0.0

    async def read(self, limit: int, wait: float) -> list[LogEntry]:
        """The next 1 to ``limit`` entries; [] where none came in about ``wait`` seconds, or none is left.

        Raises:
            ForeignHistoryError: the log is not the one the position was taken from.
            LostEntriesError: what follows the position is gone and not recorded as lost.
            NotWholeError: something further on is.
            LogUnavailableError: the log does not answer; calling again goes on where it was.
        """
        if self._fetcher is None or self._generation != self._client.generation:
            await self._restart()
            if self.finished:
                return []
        elif time.monotonic() - self._compared >= COMPARE:
            check_epoch(await self._client.state(), self.position)
            self._compared = time.monotonic()
        fetcher = self._fetcher
        assert fetcher is not None
        try:
            entries = await fetcher.fetch(limit, wait)
        except BaseException:
            self._fetcher = None  # what was on its way is lost to this consumer
            raise
        if self._client.generation != self._generation:
            self._fetcher = None  # what came may be of another history; compare first
            return []
        if entries:
            self._heard = time.monotonic()
            self._left -= len(entries)
            self.position = entries[-1].cursor(self.position.epoch)
            if self._left <= 0:
                await self._finish()
        elif time.monotonic() - self._heard > SILENCE:
            await self.close()  # fewer came than there were: begin again, where a hole shows
        return entries

    async def close(self) -> None:
        """Ends the consumer."""
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None

    async def _restart(self) -> None:
        await self.close()
        generation = self._client.generation
        state = await verify_position(self._client, self.position)
        if not state.is_whole:
            raise NotWholeError("the log has holes that are not recorded")
        self.gaps = state.gaps
        last = await self._client.get(state.last_seq) if state.last_seq else None
        self._end = last.cursor(state.epoch) if last else Cursor(state.epoch, state.last_seq)
        self._fetcher, self._left = await self._client.select_from(self.position.seq + 1, self._subjects)
        self._generation = generation
        self._heard = self._compared = time.monotonic()
        if not self._left:
            await self._finish()

    async def _finish(self) -> None:
        """The end is reached, unless whoever counted is a replica that lags: then what is left is still to come."""
        for subject in self._subjects:
            seq = await self._client.next_seq(self.position.seq + 1, subject)
            if seq is not None and seq <= self._end.seq:
                return
        self.finished = True
        if self._end.seq > self.position.seq:
            self.position = self._end

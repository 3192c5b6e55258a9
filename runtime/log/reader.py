"""Reads the log in order from a position, each entry once, and notices when it is not the log it was.

Entries that are recorded as lost are jumped over; any other hole is an error.

There are no acknowledgements and no state in the server: whoever reads keeps the position. The consumer is made anew
whenever anything is in doubt (a reconnect, an error, a jump in the sequence, a long silence), and before it is, the
position is compared with the log. A new epoch makes no noise: it is looked for every few seconds, whatever comes.
"""

import time

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, LogState, gap_around, uncovered
from runtime.log.client import LogClient
from runtime.log.deliveries import Fetcher
from runtime.log.positions import check_epoch, lost, unrecorded_gap_around, verify_position

SILENCE = 5.0
"""Seconds without an entry after which the log's end is asked for: a deleted consumer makes no noise."""
COMPARE = 5.0
"""Seconds after which the epoch is asked for although entries come."""


class LogReader:
    """Yields the log's entries in order, beginning behind ``position``. One task reads at a time.

    A jump in what it yields is a recorded gap; ``gaps_between`` tells them.
    """

    def __init__(self, client: LogClient, position: Cursor) -> None:
        self.position = position
        """What has been read; ``read`` moves it."""
        self._client = client
        self._fetcher: Fetcher | None = None
        self._generation = -1
        self._gaps: tuple[Gap, ...] = ()
        self._missed = 0  # the sequence that did not come before the consumer was made anew
        self._heard = self._compared = time.monotonic()

    async def read(self, limit: int, wait: float) -> list[LogEntry]:
        """The next 1 to ``limit`` entries, without an unrecorded gap; [] after about ``wait`` seconds without one.

        Raises:
            ForeignHistoryError: the log is not the one the position was taken from.
            LostEntriesError: the next entry is gone for good: it was missing twice.
            LogUnavailableError: the log does not answer; calling again goes on where it was.
        """
        if self._fetcher is None or self._generation != self._client.generation:
            await self._restart()
        elif time.monotonic() - self._compared >= COMPARE:
            # the epoch alone: under traffic a replica may have more than the server that tells the log's end
            check_epoch(await self._client.state(), self.position)
            self._compared = time.monotonic()
        fetcher = self._fetcher
        assert fetcher is not None
        generation = self._generation
        try:
            entries = await fetcher.fetch(limit, wait)
        except BaseException:
            # what was on its way is lost to this consumer: the next one begins behind the position
            self._fetcher = None
            raise
        if self._client.generation != generation:
            self._fetcher = None  # what came may be of another history; compare first
            return []
        if not entries:
            await self._check_silence()
            return []
        self._heard = time.monotonic()
        return self._contiguous(entries)

    async def close(self) -> None:
        """Ends the consumer."""
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None

    def _contiguous(self, entries: list[LogEntry]) -> list[LogEntry]:
        behind = self.position.seq
        if entries[0].seq == behind + 1 and entries[-1].seq == behind + len(entries):
            good = entries  # sequences rise, so the ends tell
        else:
            good = self._before_hole(entries)
        if len(good) < len(entries):
            self._fetcher = None
        if good:
            self._missed = 0
            self.position = good[-1].cursor(self.position.epoch)
        elif self._missed == behind + 1 and (hole := self._hole(behind, entries[0].seq)):
            raise lost(
                hole,
                f"the log's entries {hole.first} to {hole.last} are gone: a gap that was there twice when read",
            )
        else:
            self._missed = behind + 1
        return good

    def _before_hole(self, entries: list[LogEntry]) -> list[LogEntry]:
        behind = self.position.seq
        for number, entry in enumerate(entries):
            if entry.seq <= behind or self._hole(behind, entry.seq):
                return entries[:number]
            behind = entry.seq
        return entries

    def _hole(self, behind: int, seq: int) -> Gap | None:
        """What is missing and not recorded between two sequences that follow each other."""
        return next(iter(uncovered(Gap(behind + 1, seq - 1), self._gaps)), None)

    async def _restart(self) -> None:
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None
        generation = self._client.generation
        self._gaps = (await verify_position(self._client, self.position)).gaps
        self._fetcher = await self._client.fetch_from(self.position.seq + 1)
        self._generation = generation
        self._heard = self._compared = time.monotonic()

    async def _check_silence(self) -> None:
        if time.monotonic() - self._heard < SILENCE:
            return
        state = await verify_position(self._client, self.position)
        self._gaps = state.gaps
        if state.last_seq > self.position.seq and self._fetcher is not None:
            await self._fetcher.close()  # there is more, yet nothing came: the consumer is gone, or the entries are
            self._fetcher = None
            await self._look_ahead(state)
        self._heard = time.monotonic()

    async def _look_ahead(self, state: LogState) -> None:
        """Entries that are gone from the log's end make no noise either: nothing behind them shows the gap."""
        wanted = self.position.seq + 1
        if gap := gap_around(wanted, state.gaps):
            wanted = gap.last + 1
        if self._missed == wanted and (hole := await unrecorded_gap_around(self._client, wanted, state)):
            raise lost(
                hole, f"the log's entries {hole.first} to {hole.last} are gone: they were not there twice when read"
            )
        self._missed = wanted

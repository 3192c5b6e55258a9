"""Reads the log in order from a position, each entry once, and notices if it is not the same log any more.

Recorded gaps are passed; any other gap is an error. There are no acknowledgements and no state in the server: the
reader keeps the position. After a reconnect, an error, a gap or a long silence it compares its position with the log
and opens another consumer. A new epoch does not interrupt deliveries, so it is checked every few seconds.
"""

import time
from collections.abc import Collection
from enum import Enum, auto

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, LogState, gap_around, gaps_between, uncovered
from contracts.errors import LogUnavailableError
from runtime.log.client import LogClient
from runtime.log.consumer import Consumer
from runtime.log.errors import JetStreamApiError
from runtime.log.positions import check_epoch, lost, unrecorded_gap_around, verify_position

SILENCE = 5.0
"""Seconds without an entry after which the log's end is checked: the server does not report a deleted consumer."""
COMPARE = 5.0
"""Seconds after which the epoch is checked while entries come."""


class _State(Enum):
    UNVERIFIED = auto()
    """Before the next read, the position has to be compared with the log, and a consumer opened."""
    ALL = auto()
    """The consumer delivers every entry."""
    SELECTED = auto()
    """The consumer delivers the entries of the subjects up to ``_end``, and skips the others."""


class LogReader:
    """Yields the log's entries after ``position``. One task reads at a time.

    With ``subjects`` (filters that don't overlap) the server skips other entries, as far as that is safe: up to the
    log's present end, and only while every gap is recorded, since a gap among skipped entries would go unnoticed.
    Elsewhere entries of other subjects come, too.
    """

    def __init__(self, client: LogClient, position: Cursor, subjects: Collection[str] = ()) -> None:
        self.position = position
        """The last entry that was read or skipped."""
        self.gaps: list[Gap] = []
        """The recorded gaps that the last ``read`` passed."""
        self._client = client
        self._subjects = list(subjects)
        self._state = _State.UNVERIFIED
        self._consumer: Consumer | None = None
        self._generation = -1
        self._log_gaps: tuple[Gap, ...] = ()
        self._missing = 0  # the sequence that did not come from the previous consumer
        self._end = position
        self._opened_at = position.seq
        self._at_end = False
        self._last_entry = self._last_compared = 0.0

    async def read(self, limit: int, wait: float) -> list[LogEntry]:
        """Returns the next 1 to ``limit`` entries; [] if none comes within about ``wait`` seconds.

        Raises:
            ForeignHistoryError: the position is of another log.
            LostEntriesError: the next entry is gone for good: two consumers did not deliver it.
            LogUnavailableError: the log does not answer; the next call resumes.
        """
        before = self.position.seq
        self.gaps = []
        consumer = await self._verified_consumer()
        if self._state is _State.SELECTED and consumer.pending == 0 and await self._skip_to_end():
            return []
        try:
            entries = await consumer.fetch(limit, wait)
        except (LogUnavailableError, JetStreamApiError):
            await self._discard(consumer)
            raise
        if self._client.generation != self._generation:
            self._state = _State.UNVERIFIED  # the entries may be of another history
            return []
        if not entries:
            await self._check_silence()
            return []
        # no awaits from here on: a cancelled read must not lose entries behind the new position
        self._last_entry = time.monotonic()
        if self._state is _State.SELECTED:
            self._move(entries[-1].cursor(self.position.epoch))
        else:
            entries = self._before_unrecorded_gap(entries)
            self.gaps = gaps_between(before, entries)
        return entries

    async def close(self) -> None:
        """Deletes the consumer."""
        self._state = _State.UNVERIFIED
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.close()

    async def _discard(self, consumer: Consumer) -> None:
        """Drops a consumer that failed, without a request to a server that may not answer."""
        self._state, self._consumer = _State.UNVERIFIED, None
        await consumer.abandon()

    async def _verified_consumer(self) -> Consumer:
        if self._consumer is None or self._state is _State.UNVERIFIED or self._generation != self._client.generation:
            return await self._open()
        if time.monotonic() - self._last_compared >= COMPARE:
            # only the epoch: under load a replica may have more entries than the server that reports the log's end
            check_epoch(await self._client.state(), self.position)
            self._last_compared = time.monotonic()
        return self._consumer

    async def _open(self) -> Consumer:
        """Compares the position with the log and opens a consumer there."""
        await self.close()
        generation = self._client.generation
        state = await verify_position(self._client, self.position)
        selects = bool(self._subjects) and state.is_whole and not self._at_end
        if selects:
            last = await self._client.get(state.last_seq) if state.last_seq else None
            self._end = last.cursor(state.epoch) if last else Cursor(state.epoch, state.last_seq)
        consumer = await self._client.consume(self.position.seq + 1, self._subjects if selects else ())
        self._consumer, self._generation, self._log_gaps = consumer, generation, state.gaps
        self._state = _State.SELECTED if selects else _State.ALL
        self._opened_at = self.position.seq
        self._last_entry = self._last_compared = time.monotonic()
        return consumer

    # selected entries

    async def _skip_to_end(self) -> bool:
        """Moves the position to the end, unless the log's leader has entries of the subjects before the end."""
        for subject in self._subjects:
            seq = await self._client.next_seq(self.position.seq + 1, subject)
            if seq is not None and seq <= self._end.seq:
                return False
        if self._end.seq > self.position.seq:
            self._move(self._end)
        # the next consumer selects up to the log's end of then, or waits there for entries of any subject
        self._at_end = self.position.seq == self._opened_at
        await self.close()
        return True

    def _move(self, position: Cursor) -> None:
        for gap in self._log_gaps:
            if self.position.seq < gap.last <= position.seq:
                self.gaps.append(Gap(max(gap.first, self.position.seq + 1), gap.last))
        self.position = position

    # all entries

    def _before_unrecorded_gap(self, entries: list[LogEntry]) -> list[LogEntry]:
        """Returns the entries up to the first unrecorded gap, and moves the position behind them.

        Raises:
            LostEntriesError: the gap follows the position, for the second time.
        """
        seq = self.position.seq
        good = entries
        if entries[0].seq != seq + 1 or entries[-1].seq != seq + len(entries):  # sequences rise: the ends suffice
            good = self._contiguous(entries)
        if len(good) < len(entries):
            self._state = _State.UNVERIFIED
        if good:
            self._missing = 0
            self.position = good[-1].cursor(self.position.epoch)
        elif self._missing == seq + 1 and (gap := self._unrecorded(seq, entries[0].seq)):
            raise lost(gap, f"the log's entries {gap.first} to {gap.last} are gone: they were missing twice when read")
        else:
            self._missing = seq + 1
        return good

    def _contiguous(self, entries: list[LogEntry]) -> list[LogEntry]:
        seq = self.position.seq
        for number, entry in enumerate(entries):
            if entry.seq <= seq or self._unrecorded(seq, entry.seq):
                return entries[:number]
            seq = entry.seq
        return entries

    def _unrecorded(self, before: int, seq: int) -> Gap | None:
        """Returns the first unrecorded gap between two consecutive entries."""
        return next(iter(uncovered(Gap(before + 1, seq - 1), self._log_gaps)), None)

    async def _check_silence(self) -> None:
        if time.monotonic() - self._last_entry < SILENCE:
            return
        if self._state is _State.SELECTED:
            await self.close()  # fewer entries came than there are: the next read starts over, where a gap shows
            return
        state = await verify_position(self._client, self.position)
        self._log_gaps = state.gaps
        if state.last_seq > self.position.seq:
            await self.close()  # there are more entries, yet none came: the consumer is gone, or the entries are
            await self._check_next(state)
        self._last_entry = time.monotonic()

    async def _check_next(self, state: LogState) -> None:
        """Entries that are lost at the log's end are not delivered either, and no entry behind them shows the gap."""
        wanted = self.position.seq + 1
        if gap := gap_around(wanted, state.gaps):
            wanted = gap.last + 1
        if self._missing == wanted and (gap := await unrecorded_gap_around(self._client, wanted, state)):
            raise lost(gap, f"the log's entries {gap.first} to {gap.last} are gone: they were missing twice when read")
        self._missing = wanted

"""The contents of the log: entries, gaps where entries are lost, and the log's state."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor, full_fingerprint
from contracts.events import readable_id


class LogEntry(NamedTuple):
    """A message of the log.

    ``seq`` counts from 1 without holes, except for recorded gaps. ``time_ns`` is the log time (ns since 1970).
    ``message_id`` is the ``Nats-Msg-Id``, and ``traceparent`` the trace (W3C Trace Context); "" if there is none.
    """

    seq: int
    time_ns: int
    message_id: str
    payload: bytes
    traceparent: str = ""

    @property
    def logged_at(self) -> datetime:
        """The log time, to the microsecond."""
        # exact: until the year 2106 the doubles are closer together than half a microsecond
        return datetime.fromtimestamp(self.time_ns // 1000 / 1e6, UTC)

    @property
    def event_id(self) -> UUID | None:
        """The event id in the payload; None if it can't be read."""
        return readable_id(self.payload)

    def cursor(self, epoch: str) -> Cursor:
        """Returns the position after this entry has been read."""
        return Cursor(epoch, self.seq, full_fingerprint(self.message_id, self.time_ns))


class Gap(NamedTuple):
    """A range of sequences, ``first`` to ``last`` inclusive, whose entries are gone from the log."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


class LogState(NamedTuple):
    """The state of the log. An empty log has a ``first_seq`` beyond ``last_seq``."""

    epoch: str
    first_seq: int
    last_seq: int
    """The last entry; a recorded gap at the log's end does not count."""
    issued_seq: int
    """The last sequence that was assigned: beyond ``last_seq`` if a recorded gap ends the log."""
    entries: int
    """Number of entries."""
    bytes: int
    subjects: int
    """Number of subjects, which is the number of event types."""
    gaps: tuple[Gap, ...]
    """The recorded gaps, in order; no two of them touch."""

    @property
    def is_whole(self) -> bool:
        """Whether every sequence from the first to the last has an entry or is recorded as lost."""
        lost = sum(len(range(max(gap.first, self.first_seq), min(gap.last, self.last_seq) + 1)) for gap in self.gaps)
        return self.entries + lost >= self.last_seq - self.first_seq + 1


class Appended(NamedTuple):
    """The log's acknowledgement: the event is stored at ``seq``; a ``duplicate`` already was."""

    seq: int
    duplicate: bool


def gap_around(seq: int, gaps: Iterable[Gap]) -> Gap | None:
    """Returns the gap that contains ``seq``."""
    return next((gap for gap in gaps if gap.first <= seq <= gap.last), None)


def merge_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Returns the gaps in order, with those that overlap or touch joined."""
    found: list[Gap] = []
    for gap in sorted(gaps):
        if found and gap.first <= found[-1].last + 1:
            found[-1] = Gap(found[-1].first, max(found[-1].last, gap.last))
        else:
            found.append(gap)
    return tuple(found)


def uncovered(wanted: Gap, gaps: Iterable[Gap]) -> list[Gap]:
    """Returns the parts of a range that no gap covers; ``gaps`` are in order and don't touch."""
    parts: list[Gap] = []
    first = wanted.first
    for gap in gaps:
        if gap.last < first or gap.first > wanted.last:
            continue
        if first < gap.first:
            parts.append(Gap(first, gap.first - 1))
        first = gap.last + 1
    if first <= wanted.last:
        parts.append(Gap(first, wanted.last))
    return parts


def gaps_between(seq: int, entries: Sequence[LogEntry]) -> list[Gap]:
    """Returns the gaps between sequence ``seq`` and the entries that follow it, and among these entries."""
    found: list[Gap] = []
    if entries and entries[-1].seq - seq == len(entries):
        return found  # sequences rise, so the last one suffices
    for entry in entries:
        if entry.seq > seq + 1:
            found.append(Gap(seq + 1, entry.seq - 1))
        seq = entry.seq
    return found

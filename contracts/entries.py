"""What the log holds: one entry per message, gaps where entries are lost, and where the log stands."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor, full_fingerprint
from contracts.events import readable_id


class LogEntry(NamedTuple):
    """One message of the log.

    ``seq`` counts from 1 without holes, recorded gaps aside. ``time_ns`` is when the log took it (ns since 1970),
    ``message_id`` its ``Nats-Msg-Id`` ("" where the publisher gave none), ``traceparent`` the trace it belongs to (W3C
    Trace Context; "" where it is not traced).
    """

    seq: int
    time_ns: int
    message_id: str
    payload: bytes
    traceparent: str = ""

    @property
    def logged_at(self) -> datetime:
        """When the log took it, to the microsecond."""
        # exact: until the year 2106 the doubles are closer together than half a microsecond
        return datetime.fromtimestamp(self.time_ns // 1000 / 1e6, UTC)

    @property
    def event_id(self) -> UUID | None:
        """The id this entry claims, where one can be read."""
        return readable_id(self.payload)

    def cursor(self, epoch: str) -> Cursor:
        """The position of whoever has seen this entry."""
        return Cursor(epoch, self.seq, full_fingerprint(self.message_id, self.time_ns))


class Gap(NamedTuple):
    """Entries ``first`` to ``last`` (sequences, inclusive) that are gone from the log."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


class LogState(NamedTuple):
    """Where the log stands. An empty log has a ``first_seq`` beyond ``last_seq``."""

    epoch: str
    first_seq: int
    last_seq: int
    """The last entry; what is lost behind it does not count, once it is recorded."""
    issued_seq: int
    """The last sequence given out: beyond ``last_seq`` where a recorded gap ends the log."""
    entries: int
    """How many there are."""
    bytes: int
    subjects: int
    """Distinct subjects, which is distinct event types."""
    gaps: tuple[Gap, ...]
    """Entries that are recorded as lost, in order; no gap touches another."""

    @property
    def is_whole(self) -> bool:
        """Whether every entry between the first and the last is there, or recorded as lost."""
        lost = sum(len(range(max(gap.first, self.first_seq), min(gap.last, self.last_seq) + 1)) for gap in self.gaps)
        return self.entries + lost >= self.last_seq - self.first_seq + 1


class Appended(NamedTuple):
    """The log's acknowledgement: the event is stored at ``seq``, before this if ``duplicate``."""

    seq: int
    duplicate: bool


def gap_around(seq: int, gaps: Iterable[Gap]) -> Gap | None:
    """The gap that ``seq`` is in."""
    return next((gap for gap in gaps if gap.first <= seq <= gap.last), None)


def merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The same entries in as few gaps as there can be, in order."""
    found: list[Gap] = []
    for gap in sorted(gaps):
        if found and gap.first <= found[-1].last + 1:
            found[-1] = Gap(found[-1].first, max(found[-1].last, gap.last))
        else:
            found.append(gap)
    return tuple(found)


def uncovered(stretch: Gap, gaps: Iterable[Gap]) -> list[Gap]:
    """The parts of ``stretch`` that are in none of ``gaps``, which are in order and don't touch."""
    parts: list[Gap] = []
    first = stretch.first
    for gap in gaps:
        if gap.last < first or gap.first > stretch.last:
            continue
        if first < gap.first:
            parts.append(Gap(first, gap.first - 1))
        first = gap.last + 1
    if first <= stretch.last:
        parts.append(Gap(first, stretch.last))
    return parts


def gaps_passed(behind: int, entries: Sequence[LogEntry]) -> list[Gap]:
    """The gaps that a reader jumps over who goes on behind sequence ``behind`` with these entries."""
    found: list[Gap] = []
    if entries and entries[-1].seq - behind == len(entries):
        return found  # sequences rise, so the last one tells
    for entry in entries:
        if entry.seq > behind + 1:
            found.append(Gap(behind + 1, entry.seq - 1))
        behind = entry.seq
    return found

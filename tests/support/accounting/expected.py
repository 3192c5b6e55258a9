"""What was sent, and what must have become of it: a plain count of the test's own."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from contracts.entries import LogEntry
from tests.support.accounting.drafts import Draft, payload_number
from tests.support.accounting.releases import FIRST
from tests.support.events import BASE
from tests.support.recount import Recount

Outcome = Literal["stored", "repeated", "refused"]
"""In the log; known to the log by its message id; refused by a door."""


@dataclass
class Submission:
    """A draft under way. ``fate`` is what its sender was told, None if nobody told.

    ``straight``: past every door into the log, as the ``message_id`` says.
    """

    number: int
    draft: Draft
    straight: bool = False
    message_id: str | None = None
    fate: Outcome | None = None

    @property
    def payload(self) -> bytes:
        return self.draft.payload(self.number)

    @property
    def known_by(self) -> str:
        """What the log recognizes a repetition by; one that a door made is nobody else's."""
        if self.message_id is not None:
            return self.message_id
        return str(self.draft.event_id) if self.draft.event_id is not None else f"made for {self.number}"


class Entry(NamedTuple):
    """A letter in the log. ``event_id`` is the one it claims; ``at`` None: it is no event."""

    seq: int
    letter: Submission
    event_id: UUID | None
    at: datetime | None


class Totals(NamedTuple):
    """What became of the log's entries: ``events`` + ``duplicates`` + ``parked`` is all of them."""

    wanted: Recount
    events: int
    duplicates: int
    parked: int

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.events, self.duplicates, self.parked


@dataclass
class Expected:
    """``repeated`` are those that the log knew, and that are not in it a second time.

    ``unheard`` are the numbers of those refused whose sender was not told.
    """

    release: int = FIRST
    sent: int = 0
    rejected: int = 0
    repeated: int = 0
    unheard: set[int] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def letter(self, draft: Draft) -> Submission:
        """One more that is sent."""
        self.sent += 1
        return Submission(self.sent, draft)

    def book(self, letters: Sequence[Submission], written: Sequence[LogEntry]) -> None:
        """Notes what became of letters, in any order; ``written`` is what the log has had since, in its own.

        Each answer, and the number of entries for each message id, is compared with what it has to be.
        """
        found = {payload_number(entry.payload): entry for entry in written}
        assert len(found) == len(written), "a letter is in the log twice"
        same: dict[str, list[Submission]] = defaultdict(list)
        for letter in letters:
            if letter.straight or letter.draft.welcome(self.release):
                same[letter.known_by].append(letter)
            else:
                assert letter.fate in ("refused", None), letter
                assert letter.number not in found, letter
                self.rejected += 1
                if letter.fate is None:
                    self.unheard.add(letter.number)
        for known_by, group in same.items():
            stored = [letter for letter in group if letter.number in found]
            assert len(stored) == (known_by not in self._known), group
            for letter in group:
                assert letter.fate in ("stored" if letter in stored else "repeated", None), letter
            self._known.add(known_by)
            self.repeated += len(group) - len(stored)
        by_number = {letter.number: letter for letter in letters}
        for number, entry in found.items():
            assert entry.seq == len(self.entries) + 1
            self.entries.append(_entry(entry, by_number[number]))

    def close(self) -> Totals:
        """Counts the entries: the first of each id counts, less what this release can't read."""
        wanted = Recount()
        claimed: set[UUID] = set()
        duplicates = 0
        for seq, letter, event_id, at in self.entries:
            if event_id is not None:
                if event_id in claimed:
                    duplicates += 1
                    continue
                claimed.add(event_id)
            shown = letter.draft.shown(letter.number, self.release)
            if event_id is None or at is None or shown is None:
                wanted.parked.add(seq)
            else:
                wanted.rows[str(event_id)] = letter.draft.event_type, letter.draft.user_id, at, shown, seq
        wanted.count()
        return Totals(wanted, len(wanted.rows), duplicates, len(wanted.parked))

    def changed_by(self, release: int) -> bool:
        """Whether another release shows something that is in the log otherwise than this one."""
        both = (
            [e.letter.draft.shown(e.letter.number, which) for which in (self.release, release)] for e in self.entries
        )
        return any(None not in pair and pair[0] != pair[1] for pair in both)


def _entry(entry: LogEntry, letter: Submission) -> Entry:
    draft = letter.draft
    if letter.straight:
        at = BASE + timedelta(minutes=draft.minutes) if draft.minutes is not None else None
        return Entry(entry.seq, letter, draft.event_id if draft.names_its_id else None, at)
    # what the sender left out is the door's to choose
    stored = json.loads(entry.payload)
    event_id = draft.event_id or UUID(stored["event_id"])
    if draft.minutes is not None:
        return Entry(entry.seq, letter, event_id, BASE + timedelta(minutes=draft.minutes))
    return Entry(entry.seq, letter, event_id, datetime.fromisoformat(stored["created_at"]).astimezone(UTC))

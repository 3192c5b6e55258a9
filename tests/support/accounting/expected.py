"""Keeps account of what was sent, and computes what the log and the read models must hold."""

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

Outcome = Literal["stored", "duplicate", "rejected"]
"""In the log; a message id that the log already had; refused by the command service."""


@dataclass
class Submission:
    """A draft that is sent. ``outcome`` is the answer to its sender; None: there was none.

    ``direct``: appended to the log without the command service, under ``message_id``.
    """

    number: int
    draft: Draft
    direct: bool = False
    message_id: str | None = None
    outcome: Outcome | None = None

    @property
    def payload(self) -> bytes:
        return self.draft.payload(self.number)

    @property
    def message_key(self) -> str:
        """The key by which the log recognizes duplicates; an id that the service generates is unique."""
        if self.message_id is not None:
            return self.message_id
        return str(self.draft.event_id) if self.draft.event_id is not None else f"made for {self.number}"


class Entry(NamedTuple):
    """A submission in the log. ``event_id`` is the id it claims; ``at`` None: it is not an event."""

    seq: int
    submission: Submission
    event_id: UUID | None
    at: datetime | None


class Totals(NamedTuple):
    """The log's entries: all of them are ``events``, ``duplicates`` or ``parked``."""

    wanted: Recount
    events: int
    duplicates: int
    parked: int

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.events, self.duplicates, self.parked


@dataclass
class Expected:
    """``duplicates`` counts submissions that the log dropped.

    ``unanswered`` has the numbers of rejected submissions without an answer.
    """

    release: int = FIRST
    sent: int = 0
    rejected: int = 0
    duplicates: int = 0
    unanswered: set[int] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    def submit(self, draft: Draft) -> Submission:
        """Numbers one more submission."""
        self.sent += 1
        return Submission(self.sent, draft)

    def record(self, submissions: Sequence[Submission], written: Sequence[LogEntry]) -> None:
        """Records the outcome of submissions; ``written`` are the log's new entries.

        Asserts each answer, and that each message id is in the log once.
        """
        found = {payload_number(entry.payload): entry for entry in written}
        assert len(found) == len(written), "a submission is in the log twice"
        same: dict[str, list[Submission]] = defaultdict(list)
        for submission in submissions:
            if submission.direct or submission.draft.is_accepted(self.release):
                same[submission.message_key].append(submission)
            else:
                assert submission.outcome in ("rejected", None), submission
                assert submission.number not in found, submission
                self.rejected += 1
                if submission.outcome is None:
                    self.unanswered.add(submission.number)
        for message_key, group in same.items():
            stored = [submission for submission in group if submission.number in found]
            assert len(stored) == (message_key not in self._keys), group
            for submission in group:
                assert submission.outcome in ("stored" if submission in stored else "duplicate", None), submission
            self._keys.add(message_key)
            self.duplicates += len(group) - len(stored)
        by_number = {submission.number: submission for submission in submissions}
        for number, entry in found.items():
            assert entry.seq == len(self.entries) + 1
            self.entries.append(_entry(entry, by_number[number]))

    def totals(self) -> Totals:
        """Counts the entries: the first of each id counts, unless this release can't read it."""
        wanted = Recount()
        claimed: set[UUID] = set()
        duplicates = 0
        for seq, submission, event_id, at in self.entries:
            if event_id is not None:
                if event_id in claimed:
                    duplicates += 1
                    continue
                claimed.add(event_id)
            data = submission.draft.projected(submission.number, self.release)
            if event_id is None or at is None or data is None:
                wanted.parked.add(seq)
            else:
                wanted.rows[str(event_id)] = submission.draft.event_type, submission.draft.user_id, at, data, seq
        wanted.count()
        return Totals(wanted, len(wanted.rows), duplicates, len(wanted.parked))

    def differs_in(self, release: int) -> bool:
        """Whether another release projects other data for any entry than this one."""
        both = (
            [e.submission.draft.projected(e.submission.number, which) for which in (self.release, release)]
            for e in self.entries
        )
        return any(None not in pair and pair[0] != pair[1] for pair in both)


def _entry(entry: LogEntry, submission: Submission) -> Entry:
    draft = submission.draft
    if submission.direct:
        at = BASE + timedelta(minutes=draft.minutes) if draft.minutes is not None else None
        return Entry(entry.seq, submission, draft.event_id if draft.has_readable_id else None, at)
    # the service chooses what the sender left out
    stored = json.loads(entry.payload)
    event_id = draft.event_id or UUID(stored["event_id"])
    if draft.minutes is not None:
        return Entry(entry.seq, submission, event_id, BASE + timedelta(minutes=draft.minutes))
    return Entry(entry.seq, submission, event_id, datetime.fromisoformat(stored["created_at"]).astimezone(UTC))

"""What a verification found, for people and for machines."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.cursors import Cursor
from contracts.entries import Gap
from verification.digests import RELATIONS, ROWS, Compared, Digests
from verification.recount import Recount

NAMED = 5
"""Differences of one kind that are named; the receipt says how many more there are."""


@dataclass
class Receipt:
    """The counts of the log up to ``position``, the counts of each table, and the differences in sentences.

    ``gaps`` are entries that the log records as lost. Single rows are kept from ``raw_from`` on (None: all).
    ``late_hours`` have late events on their way (``late_pending`` of them): rollups are compared without those hours.
    """

    model: str
    position: Cursor
    log_from: int
    entries: int = 0
    events: int = 0
    duplicates: int = 0
    parked: int = 0
    distinct_ids: int = 0
    users: int = 0
    gaps: tuple[Gap, ...] = ()
    raw_from: datetime | None = None
    late_pending: int = 0
    late_hours: list[datetime] = field(default_factory=list)
    by_type: Counter[str] = field(default_factory=Counter)
    by_day: Counter[datetime] = field(default_factory=Counter)
    tables: dict[str, Compared] = field(
        default_factory=lambda: {relation: Compared(Digests(), Digests()) for relation in RELATIONS}
    )
    differences: list[str] = field(default_factory=list)

    def count(self, recount: Recount, logged: dict[str, Digests], kept: dict[str, Digests]) -> None:
        """Takes over what was counted."""
        self.entries, self.events, self.duplicates = recount.entries, recount.events, len(recount.duplicates)
        self.parked = len(recount.parked)
        self.distinct_ids = self.entries - self.duplicates - len(recount.without_id)
        self.by_type, self.by_day = logged[ROWS].by_type, logged[ROWS].by_day
        self.tables = {relation: Compared(logged[relation], kept[relation]) for relation in RELATIONS}
        self.tables[ROWS] = Compared(logged[ROWS].since(self.raw_from), kept[ROWS].since(self.raw_from))

    @property
    def log_digest(self) -> str:
        """Of the rows that the log asks for, from ``raw_from`` on."""
        return self.tables[ROWS].logged.total

    @property
    def table_digest(self) -> str:
        """Of the rows that are there, from ``raw_from`` on."""
        return self.tables[ROWS].kept.total

    def differ(self, sentence: str) -> None:
        """Notes a difference."""
        self.differences.append(sentence)

    @contextmanager
    def naming(self, table: str, what: str) -> Iterator[Callable[[str], None]]:
        """Yields what notes differences of one kind: the first ones are named, the others counted."""
        found = 0

        def name(sentence: str) -> None:
            nonlocal found
            found += 1
            if found <= NAMED:
                self.differ(sentence)

        yield name
        if found > NAMED:
            self.differ(f"{table}: {found - NAMED:,} more {what} differ")

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "model": self.model,
            "cursor": str(self.position),
            "from": self.log_from,
            "to": self.position.seq,
            "entries": self.entries,
            "events": self.events,
            "duplicates": self.duplicates,
            "parked": self.parked,
            "distinct_ids": self.distinct_ids,
            "users": self.users,
            "rows_from": self.raw_from.isoformat() if self.raw_from else None,
            "late_pending": self.late_pending,
            "late_hours": [hour.isoformat() for hour in self.late_hours],
            "gaps": [list(gap) for gap in self.gaps],
            "by_type": dict(sorted(self.by_type.items())),
            "by_day": _named_days(self.by_day),
            "tables": {relation: _as_json(compared) for relation, compared in self.tables.items()},
            "log_digest": self.log_digest,
            "table_digest": self.table_digest,
            "differences": self.differences,
        }


def _as_json(compared: Compared) -> dict[str, Any]:
    return {"log": _counts(compared.logged), "table": _counts(compared.kept)}


def _counts(digests: Digests) -> dict[str, Any]:
    first, last = digests.days or (None, None)
    return {
        "first_day": first.date().isoformat() if first else None,
        "last_day": last.date().isoformat() if last else None,
        "events": digests.events.total(),
        "by_type": dict(sorted(digests.by_type.items())),
        "by_day": _named_days(digests.by_day),
        "digest": digests.total,
    }


def _named_days(by_day: Counter[datetime]) -> dict[str, int]:
    return {day.date().isoformat(): events for day, events in sorted(by_day.items())}

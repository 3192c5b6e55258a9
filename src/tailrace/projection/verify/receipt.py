"""What a verification found, for people and for machines."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.entries import Gap
from tailrace.projection.verify.recount import Recount
from tailrace.projection.verify.tables import Digests


@dataclass
class Receipt:
    """The counts of the log up to ``position``, the digests of both sides, and the differences in sentences.

    ``gaps`` are entries that the log records as lost. Single rows are kept from ``raw_from`` on (None: all); the
    digests are of those. ``rollups`` are the events that each of them counts.
    """

    model: str
    position: Cursor
    log_from: int
    entries: int = 0
    events: int = 0
    duplicates: int = 0
    parked: int = 0
    distinct_ids: int = 0
    gaps: tuple[Gap, ...] = ()
    raw_from: datetime | None = None
    by_type: Counter[str] = field(default_factory=Counter)
    by_day: Counter[datetime] = field(default_factory=Counter)
    rollups: dict[str, int] = field(default_factory=dict)
    log_digest: str = "0" * 16
    table_digest: str = "0" * 16
    differences: list[str] = field(default_factory=list)

    def count(self, recount: Recount, logged: Digests, kept: Digests) -> None:
        """Takes over what was counted."""
        self.entries, self.events, self.duplicates = recount.entries, recount.events, recount.duplicates
        self.parked, self.distinct_ids = len(recount.parked), len(recount.claims)
        self.log_digest, self.table_digest = logged.since(self.raw_from).total, kept.since(self.raw_from).total
        for (day, event_type), events in logged.rows.items():
            self.by_type[event_type] += events
            self.by_day[day] += events

    def differ(self, sentence: str) -> None:
        """Notes a difference."""
        self.differences.append(sentence)

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
            "rows_from": self.raw_from.isoformat() if self.raw_from else None,
            "gaps": [list(gap) for gap in self.gaps],
            "by_type": dict(sorted(self.by_type.items())),
            "by_day": {day.date().isoformat(): events for day, events in sorted(self.by_day.items())},
            "rollups": self.rollups,
            "log_digest": self.log_digest,
            "table_digest": self.table_digest,
            "differences": self.differences,
        }

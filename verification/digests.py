"""Sums of hashes: if those of two sides are equal, both have the same rows, in whatever order they were read."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

ROWS = "analytics_events"
LEVELS = ("minute", "hour", "day")
USERS = "user_sets"
RELATIONS = (ROWS, *(f"events_by_{level}" for level in LEVELS), USERS)
"""The relations that are hashed."""
Cell = tuple[datetime, str]
"""A UTC day and an event type."""


class Digests:
    """The number of events and the sum of hashes (modulo 2**64) of each cell of a relation."""

    def __init__(self) -> None:
        self.events: Counter[Cell] = Counter()
        self.sums: dict[Cell, int] = {}

    def add(self, cell: Cell, events: int, digest: int) -> None:
        """Adds what was hashed for a cell."""
        self.events[cell] += events
        self.sums[cell] = (self.sums.get(cell, 0) + digest) % 2**64

    @property
    def total(self) -> str:
        """One digest of all: 16 hex digits."""
        return f"{sum(self.sums.values()) % 2**64:016x}"

    @property
    def by_type(self) -> Counter[str]:
        """Events per type."""
        found: Counter[str] = Counter()
        for (_, event_type), events in self.events.items():
            found[event_type] += events
        return found

    @property
    def by_day(self) -> Counter[datetime]:
        """Events per UTC day."""
        found: Counter[datetime] = Counter()
        for (day, _), events in self.events.items():
            found[day] += events
        return found

    @property
    def days(self) -> tuple[datetime, datetime] | None:
        """The first and the last day; None without any."""
        days = sorted(day for day, _ in self.sums)
        return (days[0], days[-1]) if days else None

    def since(self, start: datetime | None) -> "Digests":
        """Returns the digests of the days from ``start`` on."""
        if start is None:
            return self
        found = Digests()
        for cell, digest in self.sums.items():
            if cell[0] >= start:
                found.add(cell, self.events[cell], digest)
        return found

    def differing(self, other: "Digests") -> list[Cell]:
        """The cells that differ."""
        cells = self.sums.keys() | other.sums.keys()
        return sorted(
            cell
            for cell in cells
            if (self.events[cell], self.sums.get(cell)) != (other.events[cell], other.sums.get(cell))
        )


class Compared(NamedTuple):
    """What a relation must contain according to the log, and what it contains (``kept``)."""

    logged: Digests
    kept: Digests

    @property
    def differing(self) -> list[Cell]:
        """The cells that differ."""
        return self.logged.differing(self.kept)


def every_relation() -> dict[str, Digests]:
    """Returns empty digests of every relation."""
    return {relation: Digests() for relation in RELATIONS}


def add_to(digests: dict[str, Digests], found: Sequence[Any]) -> None:
    """Adds the answer of one of the ``hash_…`` queries."""
    for row in found:
        digests[row["relation"]].add((row["day"], row["event_type"]), row["events"], int(row["digest"]))

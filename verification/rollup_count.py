"""Counts a ``Rollup`` from the log: what every cell of every level, and every set of users, has to say.

Finds values in the JSON text itself, counts only the shortest buckets with all combinations of a day, applies the day's
limit afterwards, and derives the longer buckets from the shortest.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from pyroaring import BitMap64

from contracts.events import Event
from contracts.patterns import TypePattern
from tailrace.declared import SECONDS, Level, RollupDefinition
from verification.rollup_values import number_of, read_data, text_of, value_at

DAY = 86_400
Dims = tuple[str | None, ...]


class Place(NamedTuple):
    """A cell: its bucket (seconds since 1970), and its dimensions; None is what is beyond the limit."""

    bucket: int
    dims: Dims | None


@dataclass(slots=True)
class Sum:
    """What is in one cell."""

    events: int = 0
    numbers: dict[str, list[Fraction]] = field(default_factory=dict)
    """Per measure of a number: sum, smallest and largest."""
    users: BitMap64 = field(default_factory=BitMap64)
    """User ids modulo 2**64."""

    def add(self, other: "Sum") -> None:
        """Adds another cell."""
        self.events += other.events
        self.users |= other.users
        for name, (total, least, most) in other.numbers.items():
            self.add_numbers(name, total, least, most)

    def add_numbers(self, name: str, total: Fraction, least: Fraction, most: Fraction) -> None:
        """Adds numbers of a measure."""
        if name in self.numbers:
            before = self.numbers[name]
            self.numbers[name] = [before[0] + total, min(before[1], least), max(before[2], most)]
        else:
            self.numbers[name] = [total, least, most]


class RollupCount:
    """What the log says about a rollup, event by event."""

    def __init__(self, definition: RollupDefinition) -> None:
        self.events = 0
        self.definition = definition
        self.has_users = any(measure.kind == "users" for measure in definition.measures.values())
        self._patterns = [TypePattern(text) for text in definition.events]
        self._types: dict[str, bool] = {}
        self._seconds = SECONDS[definition.every[0]]
        self._finest: dict[tuple[int, Dims], Sum] = {}
        self._combinations: dict[int, dict[Dims, None]] = {}
        self._numbers = {name: one.path for name, one in definition.measures.items() if one.path}

    def add(self, event: Event) -> None:
        """Counts an event if the rollup reads its type."""
        if not self._counts(event.event_type):
            return
        self.events += 1
        data = read_data(event)
        dims = tuple(text_of(value_at(event, data, path)) for path in self.definition.by.values())
        second = int(event.created_at.timestamp())
        self._combinations.setdefault(second // DAY, {}).setdefault(dims)
        place = second // self._seconds * self._seconds, dims
        cell = self._finest.get(place)
        if cell is None:
            cell = self._finest[place] = Sum()
        cell.events += 1
        for name, path in self._numbers.items():
            number = number_of(value_at(event, data, path))
            if number is not None:
                cell.add_numbers(name, number, number, number)
        if self.has_users and event.user_id is not None:
            cell.users.add(event.user_id % 2**64)

    def _counts(self, event_type: str) -> bool:
        found = self._types.get(event_type)
        if found is None:
            found = self._types[event_type] = any(pattern.matches(event_type) for pattern in self._patterns)
        return found

    def cells(self, level: Level) -> dict[Place, Sum]:
        """Returns the cells of a level; a day's combinations beyond its limit are added up."""
        limit = self.definition.limit
        admitted = {day: set(list(dims)[:limit]) for day, dims in self._combinations.items()}
        found: dict[Place, Sum] = {}
        for (bucket, dims), one in self._finest.items():
            shown = dims if dims in admitted[bucket // DAY] else None
            found.setdefault(Place(bucket // SECONDS[level] * SECONDS[level], shown), Sum()).add(one)
        return found

"""The evaluation of a rollup in memory, event by event in the order of the log."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from tailrace.declared.definitions import SECONDS, Level, RollupDefinition
from tailrace.declared.values import Finder, add, as_number, as_text, find_by

Dimensions = tuple[str | None, ...]
Number = int | Decimal
Value = int | Decimal | set[int] | None
"""A measure of a cell: a number, a set of users, or None."""
DAY = SECONDS["day"]


class CellKey(NamedTuple):
    """A level, the start of a bucket (seconds since 1970) and the dimensions; None for ``other``."""

    level: Level
    bucket: int
    dimensions: Dimensions | None


class Reading(NamedTuple):
    """What a rollup reads from one event: dimensions, and the number of each sum, min and max, else None."""

    dimensions: Dimensions
    numbers: tuple[Number | None, ...]


def reader(definition: RollupDefinition) -> Callable[[str, int | None, dict[str, Any]], Reading]:
    """Returns the function that reads an event's type, user and data (as of ``decode_event_data``)."""
    dimensions = [find_by(path) for path in definition.by.values()]
    numbers: list[Finder | None] = [find_by(one.path) if one.path else None for one in definition.measures.values()]

    def read(event_type: str, user_id: int | None, data: dict[str, Any]) -> Reading:
        return Reading(
            tuple([as_text(find(event_type, user_id, data)) for find in dimensions]),
            tuple([None if find is None else as_number(find(event_type, user_id, data)) for find in numbers]),
        )

    return read


class Tally:
    """Counts events into cells.

    ``admitted`` are the combinations of dimensions that each UTC day (days since 1970) has so far; counting extends
    it up to the limit of a day. Because events are admitted one by one, the cells do not depend on batches.
    """

    def __init__(self, definition: RollupDefinition, admitted: dict[int, set[Dimensions]] | None = None) -> None:
        self.definition = definition
        self.admitted = {} if admitted is None else admitted
        self.cells: dict[CellKey, list[Value]] = {}
        self._kinds = [measure.kind for measure in definition.measures.values()]
        self._levels = [
            (level, SECONDS[level], [definition.keeps(name, level) for name in definition.measures])
            for level in definition.every
        ]

    def add(self, reading: Reading, user_id: int | None, created_at: datetime) -> None:
        """Counts one event; without a user it adds nobody to ``Users``."""
        second = int(created_at.timestamp() // 1)
        dimensions = self.admit(second // DAY, reading.dimensions)
        for level, seconds, kept in self._levels:
            key = CellKey(level, second - second % seconds, dimensions)
            cell = self.cells.get(key)
            if cell is None:
                cell = self.cells[key] = self._empty(kept)
            self._count(cell, reading.numbers, user_id)

    def admit(self, day: int, dimensions: Dimensions) -> Dimensions | None:
        """Returns the dimensions as which the next event of a UTC day counts: None is ``other``."""
        admitted = self.admitted.setdefault(day, set())
        if dimensions not in admitted:
            if len(admitted) >= self.definition.limit:
                return None
            admitted.add(dimensions)
        return dimensions

    def _empty(self, kept: list[bool]) -> list[Value]:
        return [
            None if kind in ("min", "max") or not keeps else set() if kind == "users" else 0
            for kind, keeps in zip(self._kinds, kept, strict=True)
        ]

    def _count(self, cell: list[Value], numbers: tuple[Number | None, ...], user_id: int | None) -> None:
        for index, kind in enumerate(self._kinds):
            before: Any = cell[index]
            number = numbers[index]
            if kind == "count":
                cell[index] = before + 1
            elif kind == "users":
                if before is not None and user_id is not None:
                    before.add(user_id)
            elif number is not None:
                cell[index] = merge(kind, before, number)


def merge(kind: str, one: Number | None, other: Number | None) -> Number | None:
    """Returns the count, sum, minimum or maximum of two parts; None is a part without numbers."""
    if one is None or other is None:
        return other if one is None else one
    if kind == "min":
        return min(one, other)
    if kind == "max":
        return max(one, other)
    return add(one, other)

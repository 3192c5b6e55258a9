"""Counts the users of the log again, per quarter hour, hour, day and in all."""

from collections.abc import Mapping
from datetime import datetime

from pyroaring import BitMap

from migrations.user_sets import ALL, ALL_TYPES, DAY, HOUR, QUARTER, Cell

Sets = dict[Cell, BitMap]


class UserRecount:
    """The users of the log's events, by the ordinals of the ledger; a user without one gets a number of its own."""

    def __init__(self, ordinals: Mapping[int, int]) -> None:
        self._ordinals = ordinals
        self._quarters: dict[tuple[int, str], list[int]] = {}
        self._last = max(ordinals.values(), default=-1)
        self.missing: dict[int, int] = {}
        """Users that the ledger lacks."""

    def add(self, created_at: datetime, event_type: str, user_id: int) -> None:
        """Counts the user of an event."""
        ordinal = self._ordinals.get(user_id)
        if ordinal is None:
            ordinal = self.missing.setdefault(user_id, self._last + 1 + len(self.missing))
        quarter = int(created_at.timestamp()) // 900 * 900
        self._quarters.setdefault((quarter, event_type), []).append(ordinal)

    def sets(self) -> Sets:
        """Returns every set that the read model should have."""
        found: Sets = {}
        for (quarter, event_type), ordinals in self._quarters.items():
            add_users(found, quarter, event_type, BitMap(ordinals))
        return found


def add_users(sets: Sets, quarter: int, event_type: str, members: BitMap) -> None:
    """Adds users of a quarter hour to every set that they belong to."""
    hour, day = quarter // 3_600 * 3_600, quarter // 86_400 * 86_400
    cells = [Cell(QUARTER, quarter, event_type)]
    for one in (event_type, ALL_TYPES):
        cells += [Cell(HOUR, hour, one), Cell(DAY, day, one), Cell(ALL, 0, one)]
    for cell in cells:
        sets[cell] = sets[cell] | members if cell in sets else members

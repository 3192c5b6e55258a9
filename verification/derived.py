"""Compares the counts per minute, hour and day and of all time with the log.

Counts of rows that retention dropped are compared too. Where rows are kept, they show which count is wrong.
"""

from collections.abc import Mapping
from datetime import datetime

from verification.digests import LEVELS, Cell
from verification.receipt import NAMED, Receipt
from verification.tables import Tables


async def compare_derived(tables: Tables, receipt: Receipt, users: Mapping[str, int]) -> None:
    """Adds the differences to the receipt. ``users`` are the log's users per type, under "" those of all types."""
    for level in LEVELS:
        if cells := receipt.tables[f"events_by_{level}"].differing:
            named = await _name_buckets(tables, receipt, level)
            _name_cells(receipt, f"events_by_{level}", _before(cells, receipt.raw_from) if named else cells)
    await _compare_totals(tables, receipt, users)


async def _name_buckets(tables: Tables, receipt: Receipt, level: str) -> bool:
    found = await tables.differing_buckets(level, receipt.raw_from, receipt.late_hours, NAMED)
    for row in found:
        receipt.differ(
            f"events_by_{level}, {row['bucket'].isoformat()} {row['event_type']}: "
            f"it says {row['kept'] or 0:,} events, the rows are {row['counted'] or 0:,}"
        )
    return bool(found)


def _before(cells: list[Cell], raw_from: datetime | None) -> list[Cell]:
    return [cell for cell in cells if raw_from is not None and cell[0] < raw_from]


def _name_cells(receipt: Receipt, relation: str, cells: list[Cell]) -> None:
    compared = receipt.tables[relation]
    with receipt.naming(relation, "days and types") as name:
        for day, event_type in cells:
            kept, logged = compared.kept.events[day, event_type], compared.logged.events[day, event_type]
            where = ", but not in the same places" if kept == logged else ""
            name(
                f"{relation}, {day.date().isoformat()} {event_type}: it says {kept:,} events, the log {logged:,}{where}"
            )


async def _compare_totals(tables: Tables, receipt: Receipt, users_of: Mapping[str, int]) -> None:
    wanted = {event_type: (n, users_of.get(event_type, 0)) for event_type, n in receipt.by_type.items()}
    wanted[""] = receipt.events, users_of.get("", 0)
    kept = await tables.all_time()
    with receipt.naming("all_time", "types") as name:
        for event_type in sorted(wanted.keys() | kept.keys()):
            (events, users), (logged, seen) = kept.get(event_type, (0, 0)), wanted.get(event_type, (0, 0))
            if (events, users) != (logged, seen):
                name(
                    f"all_time, {event_type or 'all types'}: it says {events:,} events of {users:,} users, "
                    f"the log {logged:,} of {seen:,}"
                )

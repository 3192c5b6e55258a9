"""What is derived from the rows: counts per minute, hour and day, users per hour, all-time counts, who was ever seen.

All of it is compared with the log itself, before the time from which on rows are kept (retention) as well. Where it
differs and rows are kept, they tell which count it is.
"""

from datetime import datetime

from verification.digests import LEVELS, ROWS, USERS, Cell
from verification.receipt import NAMED, Receipt
from verification.recount import Recount
from verification.tables import Tables


async def compare_derived(tables: Tables, receipt: Receipt, recount: Recount) -> None:
    """Notes in the receipt what differs. Empties the sets of users of ``recount``."""
    for level in LEVELS:
        if cells := receipt.tables[f"events_by_{level}"].differing:
            named = await _name_buckets(tables, receipt, level)
            _name_cells(receipt, f"events_by_{level}", _before(cells, receipt.raw_from) if named else cells)
    if cells := receipt.tables[USERS].differing:
        # where rows are wrong, users per hour may be right and differ from the rows alone
        named = await _name_users_by_hour(tables, receipt) or bool(receipt.tables[ROWS].differing)
        _name_cells(receipt, USERS, _before(cells, receipt.raw_from) if named else cells)
    await _compare_totals(tables, receipt, recount)
    await _compare_users(tables, receipt, recount)


async def _name_buckets(tables: Tables, receipt: Receipt, level: str) -> bool:
    found = await tables.differing_buckets(level, receipt.raw_from, receipt.late_hours, NAMED)
    for row in found:
        receipt.differ(
            f"events_by_{level}, {row['bucket'].isoformat()} {row['event_type']}: "
            f"it says {row['kept'] or 0:,} events, the rows are {row['counted'] or 0:,}"
        )
    return bool(found)


async def _name_users_by_hour(tables: Tables, receipt: Receipt) -> bool:
    found = await tables.differing_users(receipt.raw_from, receipt.late_hours, NAMED)
    for row in found:
        what = "is missing" if row["counted"] else "is there, but no row is"
        receipt.differ(f"{USERS}, {row['bucket'].isoformat()} {row['event_type']}: user {row['user_id']} {what}")
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


async def _compare_totals(tables: Tables, receipt: Receipt, recount: Recount) -> None:
    wanted = {event_type: (n, len(recount.users_by_type[event_type])) for event_type, n in receipt.by_type.items()}
    wanted[""] = receipt.events, len(recount.users)
    kept = await tables.all_time()
    with receipt.naming("all_time", "types") as name:
        for event_type in sorted(wanted.keys() | kept.keys()):
            (events, users), (logged, seen) = kept.get(event_type, (0, 0)), wanted.get(event_type, (0, 0))
            if (events, users) != (logged, seen):
                name(
                    f"all_time, {event_type or 'all types'}: it says {events:,} events of {users:,} users, "
                    f"the log {logged:,} of {seen:,}"
                )


async def _compare_users(tables: Tables, receipt: Receipt, recount: Recount) -> None:
    """Empties the sets: what is left in the end is missing. They may be millions, so there is no copy."""
    with receipt.naming("users", "users") as name:
        async for (user,) in tables.users():
            if user in recount.users:
                recount.users.remove(user)
            else:
                name(f"users: user {user} is there, but not in the log")
        for user in recount.users:
            name(f"users: user {user} is missing")
    with receipt.naming("users_by_type", "users") as name:
        for_type = recount.users_by_type
        async for event_type, user in tables.users_by_type():
            if user in for_type.get(event_type, ()):
                for_type[event_type].remove(user)
            else:
                name(f"users_by_type, {event_type}: user {user} is there, but not in the log")
        for event_type, users in for_type.items():
            for user in users:
                name(f"users_by_type, {event_type}: user {user} is missing")

"""Compares the stored sets of users, and the users of the ledger, with those of the log, one day after the other."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

from pyroaring import BitMap

from migrations.user_sets import ALL, ALL_TYPES, DAY, HOUR, QUARTER, SECONDS, Cell, unpack_users
from verification.digests import USERS, Compared, Digests
from verification.receipt import Receipt
from verification.tables import Tables
from verification.user_recount import LedgerUsers, Sets, UserRecount, add_users

LEVEL_NAMES = {ALL: "all time", DAY: "day", HOUR: "hour", QUARTER: "quarter hour"}
Name = Callable[[str], None]


async def read_users(tables: Tables) -> LedgerUsers:
    """Returns the users of the ledger."""
    users = LedgerUsers()
    async for user_id, ordinal in tables.users():
        users.add(user_id, ordinal)
    return users


async def compare_users(tables: Tables, receipt: Receipt, recount: UserRecount) -> None:
    """Notes in the receipt which users the ledger lacks or mixes up, and which sets differ from the log."""
    users = recount.users
    with receipt.naming("users", "users") as name:
        for user in users.missing.values():
            name(f"users: user {user} is missing")
        for user, other in users.sharing.items():
            ordinal = users.ordinal(user)
            name(f"users: the users {other} and {user} have the same ordinal, {ordinal}")
    compared = Compared(Digests(), Digests())
    recent = await _read_recent(tables)
    with receipt.naming(USERS, "sizes") as name_size, receipt.naming(USERS, "sets") as name:
        stored = await _read_sets(tables, ALL, 0, 1, name_size)
        for found in recent.values():
            for cell, members in found.items():
                if cell.level == DAY:
                    _merge(stored, Cell(ALL, 0, cell.event_type), members)
        logged = {Cell(ALL, 0, event_type): members for event_type, members in recount.all_time.items()}
        _compare(logged, stored, users, name, compared)
        for day in sorted({*recount.days, *recent, *await tables.days_of_sets()}):
            stored = await _read_sets(tables, DAY, day, day + SECONDS[DAY], name_size)
            for cell, members in recent.get(day, {}).items():
                _merge(stored, cell, members)
            _compare(recount.sets_of(day), stored, users, name, compared)
    receipt.tables[USERS] = compared


async def _read_recent(tables: Tables) -> dict[int, Sets]:
    """Returns the sets of recent batches, which are not merged yet, by day."""
    recent: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for event_types, packed in await tables.set_log():
        for quarter, event_type, ordinal in unpack_users(event_types, packed):
            recent[quarter, event_type].append(ordinal)
    found: defaultdict[int, Sets] = defaultdict(dict)
    for (quarter, event_type), ordinals in recent.items():
        add_users(found[quarter - quarter % SECONDS[DAY]], quarter, event_type, BitMap(ordinals))
    return found


async def _read_sets(tables: Tables, level: int, start: int, end: int, name: Name) -> Sets:
    """Returns stored sets of a level, or of a finer one; names a set whose size is not what it says."""
    found: Sets = {}
    for row in await tables.user_sets(level, start, end):
        cell = Cell(row["level"], row["bucket"], row["event_type"])
        found[cell] = BitMap.deserialize(row["members"])
        if row["users"] != len(found[cell]):
            name(f"{USERS}, {_named(cell)}: it says {row['users']:,} users and has {len(found[cell]):,}")
    return found


def _merge(sets: Sets, cell: Cell, members: BitMap) -> None:
    sets[cell] = sets.get(cell, BitMap()) | members


def _compare(logged: Sets, stored: Sets, users: LedgerUsers, name: Name, compared: Compared) -> None:
    for cell in sorted(logged.keys() | stored.keys()):
        wanted, found = logged.get(cell, BitMap()), stored.get(cell, BitMap())
        is_equal = wanted == found and cell in logged
        if cell.level == HOUR and cell.event_type != ALL_TYPES:
            digest = users.hash(wanted)
            _add(compared.logged, cell, wanted, digest)
            _add(compared.kept, cell, found, digest if is_equal else users.hash(found))
        if is_equal:
            continue
        where = f"{USERS}, {_named(cell)}"
        if missing := wanted - found:
            name(f"{where}: user {users.name(missing[0])} is missing")
        elif extra := found - wanted:
            name(f"{where}: user {users.name(extra[0])} is there, but not in the log")
        else:
            name(f"{where}: the log has no such events")


def _add(digests: Digests, cell: Cell, members: BitMap, digest: int) -> None:
    if members:
        day = datetime.fromtimestamp(cell.bucket - cell.bucket % SECONDS[DAY], UTC)
        digests.add((day, cell.event_type), len(members), digest * (2 * cell.bucket + 1))


def _named(cell: Cell) -> str:
    time = "" if cell.level == ALL else f" {datetime.fromtimestamp(cell.bucket, UTC).isoformat()}"
    return f"{LEVEL_NAMES[cell.level]}{time} {cell.event_type or 'all types'}"

"""Compares the stored sets of users, and the users of the ledger, with those of the log."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

from pyroaring import BitMap

from migrations.user_sets import ALL, ALL_TYPES, DAY, HOUR, QUARTER, Cell, unpack_users
from verification.digests import USERS, Compared, Digests
from verification.receipt import Receipt
from verification.tables import Tables
from verification.user_recount import Sets, UserRecount, add_users

LEVEL_NAMES = {ALL: "all time", DAY: "day", HOUR: "hour", QUARTER: "quarter hour"}


async def read_sets(tables: Tables, receipt: Receipt) -> Sets:
    """Returns the stored sets with the users of recent batches; names a set whose size is not what it says."""
    found: Sets = {}
    with receipt.naming(USERS, "sizes") as name:
        async for level, bucket, event_type, users, members in tables.user_sets():
            cell = Cell(level, bucket, event_type)
            found[cell] = BitMap.deserialize(members)
            if users != len(found[cell]):
                name(f"{USERS}, {_named(cell)}: it says {users:,} users and has {len(found[cell]):,}")
    recent: dict[tuple[int, str], list[int]] = {}
    for event_types, packed in await tables.set_log():
        for quarter, event_type, ordinal in unpack_users(event_types, packed):
            recent.setdefault((quarter, event_type), []).append(ordinal)
    for (quarter, event_type), ordinals in recent.items():
        add_users(found, quarter, event_type, BitMap(ordinals))
    return found


def compare_users(receipt: Receipt, recount: UserRecount, ordinals: Mapping[int, int], stored: Sets) -> None:
    """Notes in the receipt which users the ledger lacks or mixes up, and which sets differ from the log."""
    with receipt.naming("users", "users") as name:
        for user in recount.missing:
            name(f"users: user {user} is missing")
        users: dict[int, int] = {}
        for user, ordinal in ordinals.items():
            if users.setdefault(ordinal, user) != user:
                name(f"users: the users {users[ordinal]} and {user} have the same ordinal, {ordinal}")
    users |= {ordinal: user for user, ordinal in recount.missing.items()}
    logged = recount.sets()
    with receipt.naming(USERS, "sets") as name:
        for cell in sorted(logged.keys() | stored.keys()):
            wanted, found = logged.get(cell, BitMap()), stored.get(cell, BitMap())
            if wanted == found and cell in logged:
                continue
            where = f"{USERS}, {_named(cell)}"
            if missing := wanted - found:
                name(f"{where}: user {users[missing[0]]} is missing")
            elif extra := found - wanted:
                name(f"{where}: user {users.get(extra[0], f'of ordinal {extra[0]}')} is there, but not in the log")
            else:
                name(f"{where}: the log has no such events")
    receipt.tables[USERS] = Compared(_digest(logged, users), _digest(stored, users))


def _named(cell: Cell) -> str:
    time = "" if cell.level == ALL else f" {datetime.fromtimestamp(cell.bucket, UTC).isoformat()}"
    return f"{LEVEL_NAMES[cell.level]}{time} {cell.event_type or 'all types'}"


def _digest(sets: Sets, users: Mapping[int, int]) -> Digests:
    """Hashes user ids, never ordinals: equal sets under other ordinals have equal digests."""
    found = Digests()
    hashes: dict[int, int] = {}
    for cell, members in sets.items():
        if cell.level == HOUR and cell.event_type != ALL_TYPES:
            day = datetime.fromtimestamp(cell.bucket // 86_400 * 86_400, UTC)
            total = sum(_hash_of(ordinal, users, hashes) for ordinal in members)
            found.add((day, cell.event_type), len(members), total * (2 * cell.bucket + 1))
    return found


def _hash_of(ordinal: int, users: Mapping[int, int], hashes: dict[int, int]) -> int:
    known = hashes.get(ordinal)
    if known is None:
        text = str(users.get(ordinal, f"ordinal {ordinal}")).encode()
        known = hashes[ordinal] = int.from_bytes(blake2b(text, digest_size=8).digest())
    return known


def users_per_type(sets: Iterable[tuple[Cell, BitMap]]) -> dict[str, int]:
    """Returns the users of all time per type; "" counts all types together."""
    return {cell.event_type: len(members) for cell, members in sets if cell.level == ALL}

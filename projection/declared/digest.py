"""Digests of a projection's tables: equal rows have equal digests, in whatever order they were written."""

from hashlib import blake2b
from typing import NamedTuple

import asyncpg
from pyroaring import BitMap

from migrations.projections import DeclaredModel
from migrations.rollup_sets import unpack
from projection.declared.rollup_users import UserSet, users_levels_of
from projection.store import projection_sql

_OWN = {"projection_position": None, "members": None, "set_log": None, "parked_events": "seq, event_id, code"}
"""Tables of the machinery: None, or the columns that a replay gives again."""
USERS = "users"


class TableDigest(NamedTuple):
    """The rows of a table: how many, and a sum of their hashes."""

    rows: int
    hash: str


async def digest(connection: "asyncpg.Connection", model: DeclaredModel) -> dict[str, TableDigest]:
    """Returns the digest of each table of a build; call it in one snapshot with its position."""
    found: dict[str, TableDigest] = {}
    tables = [row[0] for row in await connection.fetch(projection_sql("tables_of"), model.schema)]
    for table in tables:
        columns = _OWN.get(table, "*")
        if columns is not None:
            query = projection_sql("digest_table").format(columns=columns, table=f'{model.schema}."{table}"')
            found[table] = TableDigest(*await connection.fetchrow(query))
    if "members" in tables:
        found[USERS] = await _digest_users(connection, model)
    return found


def compare(kept: dict[str, TableDigest], rebuilt: dict[str, TableDigest]) -> list[str]:
    """Returns a sentence for each table that differs."""
    return [
        f"{table}: the live rows ({one.rows:,}, {one.hash}) differ from a replay's ({rebuilt[table].rows:,}, "
        f"{rebuilt[table].hash})"
        for table, one in kept.items()
        if one != rebuilt[table]
    ]


async def _digest_users(connection: "asyncpg.Connection", model: DeclaredModel) -> TableDigest:
    """Digests the users of every cell, those that are not merged yet included."""
    waiting: dict[tuple[str, int, bytes], BitMap] = {}
    levels = users_levels_of(model)
    for row in await connection.fetch(f"select cells from {model.tables.set_log}"):
        for cell in unpack(row["cells"]):
            for one in [UserSet.of(level, cell) for level in levels]:
                waiting.setdefault((one.level, one.bucket, one.key), BitMap()).update(cell.users)
    total, cells = 0, 0
    query = f"select level, extract(epoch from bucket)::bigint, key, members from {model.tables.members}"
    async for level, bucket, key, members in connection.cursor(query):
        cells += 1
        total += _hash(level, bucket, key, BitMap.deserialize(members) | waiting.pop((level, bucket, key), BitMap()))
    for place, users in waiting.items():
        cells += 1
        total += _hash(*place, users)
    return TableDigest(cells, f"{total % 2**128:032x}")


def _hash(level: str, bucket: int, key: bytes, users: BitMap) -> int:
    # the array, since equal sets may have other bytes as bitmaps
    text = f"{level} {bucket} ".encode() + key + users.to_array().tobytes()
    return int.from_bytes(blake2b(text, digest_size=16).digest())

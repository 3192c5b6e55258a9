"""Distinct users of a rollup's cells: the union of its sets of users."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyroaring import BitMap

from migrations.rollup_sets import RollupTables, unpack
from query.projections.levels import Part
from query.projections.statement import Statement, one_of, quoted

Group = tuple[Any, ...]
"""The bucket (if requested), ``other`` and the dimensions that an answer keeps."""


async def read_users(
    connection: Any,
    tables: RollupTables,
    dimensions: Sequence[str],
    parts: Sequence[Part],
    values: Mapping[str, Sequence[str | None]],
    group_of: Callable[[datetime, bool, Sequence[str | None]], Group | None],
) -> dict[Group, BitMap]:
    """Returns the users (ordinals) of each group of cells.

    ``values`` narrows what the database reads: only cells with one of these values of a dimension. ``group_of``
    returns the group of a cell by its bucket, ``other`` and all its dimensions; None: it is not wanted.
    """
    statement = Statement()
    ranges = " or ".join(
        f"(level = {statement.value(part.level)} and bucket >= {statement.value(part.start)}"
        f" and bucket < {statement.value(part.end)})"
        for part in parts
    )
    columns = ", ".join(["bucket", "other", "members", *quoted(dimensions)])
    condition = " and ".join([f"({ranges})", *one_of(statement, values)])
    query = f"select {columns} from {tables.members} where {condition}"
    stored = await connection.fetch(query, *statement.values)
    recent = await connection.fetch(f"select cells from {tables.set_log}")
    # in a thread: many recent batches would hold up other requests
    return await asyncio.to_thread(_merge, stored, recent, parts, group_of)


def _merge(
    stored: Sequence[Any],
    recent: Sequence[Any],
    parts: Sequence[Part],
    group_of: Callable[[datetime, bool, Sequence[str | None]], Group | None],
) -> dict[Group, BitMap]:
    found: dict[Group, list[BitMap]] = {}
    for bucket, other, members, *dims in stored:
        group = group_of(bucket, other, dims)
        if group is not None:
            found.setdefault(group, []).append(BitMap.deserialize(members))
    for row in recent:
        for cell in unpack(row["cells"]):
            bucket = datetime.fromtimestamp(cell.bucket, UTC)
            if any(part.start <= bucket < part.end for part in parts):
                group = group_of(bucket, cell.other, cell.dims)
                if group is not None:
                    found.setdefault(group, []).append(cell.users)
    return {group: BitMap.union(*sets) for group, sets in found.items()}

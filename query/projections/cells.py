"""The rows of a ``Rollup``: its cells, added up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from migrations.rollup_sets import RollupTables
from query.parameters import Identify, bucket_start, user_id_of
from query.projections.levels import Part, parts_of
from query.projections.question import RowsQuestion
from query.projections.statement import USER_ID, Statement, check_column, one_of, order_by, quoted
from query.projections.users import Group, read_users
from query.where import parse_where
from tailrace.declared import RollupDefinition, plain

_AGGREGATES = {"count": "sum({})::bigint", "sum": "sum({})", "min": "min({})", "max": "max({})"}


class Found(NamedTuple):
    """Rows, whether there are more, and whether some of the range's events are counted as ``other``."""

    rows: list[dict[str, Any]]
    more: bool
    limit_reached: bool


async def read_cells(
    connection: Any, tables: RollupTables, definition: RollupDefinition, question: RowsQuestion, identify: Identify
) -> Found:
    """Returns the rows that a question asks for.

    Raises:
        UnknownColumnError: ``by``, ``where`` or ``order`` names something else than a dimension, or a column.
        NotKeptError: the range or the bucket needs shorter buckets than are kept.
    """
    parts = parts_of(definition, question)
    where = _wanted(definition, question.where, identify)
    return await _Reading(connection, tables, definition, question, parts, where).read()


class _Reading:
    def __init__(
        self,
        connection: Any,
        tables: RollupTables,
        definition: RollupDefinition,
        question: RowsQuestion,
        parts: list[Part],
        where: dict[str, list[str | None]],
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._definition = definition
        self._question = question
        self._parts = parts
        self._by = _kept(definition, question.by)
        self._where = where
        # without dimensions nothing is said about their values, so that `other` belongs to the total
        self._keys = [*(["bucket"] if question.bucket else []), *(["other"] if self._by else []), *self._by]
        self._order = order_by(
            question.order, [*(["bucket"] if question.bucket else []), *self._by, *definition.measures]
        )
        self._users = [name for name, measure in definition.measures.items() if measure.kind == "users"]

    async def read(self) -> Found:
        if not self._parts:
            return Found([], False, False)
        statement = Statement()
        limit = self._question.limit + 1
        in_python = any(name in self._users for name, _ in self._order)
        rows = await self._connection.fetch(self._query(statement, None if in_python else limit), *statement.values)
        groups: list[Group] = [tuple(row[key] for key in self._keys) for row in rows]
        users = await self._count_users(None if in_python else groups)
        found = [self._row(row, users.get(group, 0)) for row, group in zip(rows, groups, strict=True)]
        if in_python:
            for name, largest in reversed(self._order):
                found.sort(key=_sorting(name, largest), reverse=largest)
        return Found(found[: self._question.limit], len(found) >= limit, await self._limit_reached())

    def _query(self, statement: Statement, limit: int | None) -> str:
        keys = [
            f"date_trunc('{self._question.bucket}', bucket, 'UTC') as bucket" if key == "bucket" else key
            for key in _quoted_keys(self._keys)
        ]
        measures = [
            _AGGREGATES[measure.kind].format(f'"{name}"') + f' as "{name}"'
            for name, measure in self._definition.measures.items()
            if measure.kind in _AGGREGATES
        ]
        ordered = [f'"{name}"{" desc" if largest else ""} nulls last' for name, largest in self._order]
        if any(name in self._users for name, _ in self._order):
            ordered = []
        numbers = [str(number) for number in range(1, len(keys) + 1)]
        sql = f"select {', '.join([*keys, *measures]) or '1'} from {self._cells(statement)}"
        sql += self._condition(statement)
        sql += f" group by {', '.join(numbers)}" if numbers else ""
        sql += " having count(*) > 0"
        if tail := [*ordered, *numbers]:
            sql += f" order by {', '.join(tail)}"
        return sql if limit is None else f"{sql} limit {limit}"

    def _cells(self, statement: Statement) -> str:
        stored = [name for name, measure in self._definition.measures.items() if measure.kind != "users"]
        columns = ", ".join(["bucket", "other", *quoted([*self._definition.by, *stored])])
        parts = [
            f"select {columns} from {self._tables.cells(part.level)}"
            f" where bucket >= {statement.value(part.start)} and bucket < {statement.value(part.end)}"
            for part in self._parts
        ]
        return f"({' union all '.join(parts)}) as cell"

    def _condition(self, statement: Statement) -> str:
        if not self._where:
            return ""
        return f" where not other and {' and '.join(one_of(statement, self._where))}"

    async def _count_users(self, groups: Sequence[Group] | None) -> dict[Group, int]:
        """Counts the users of the groups, or of all."""
        if not any(self._is_counted(name) for name in self._users):
            return {}
        wanted = None if groups is None else set(groups)

        def group_of(bucket: datetime, other: bool, values: Sequence[str | None]) -> Group | None:
            of = dict(zip(self._definition.by, values, strict=True))
            if self._where and (other or any(of[name] not in texts for name, texts in self._where.items())):
                return None
            start = bucket_start(bucket, self._question.bucket) if self._question.bucket else None
            known = {"bucket": start, "other": other, **of}
            group = tuple(known[key] for key in self._keys)
            return group if wanted is None or group in wanted else None

        shown = {name: list({group[self._keys.index(name)] for group in groups or ()}) for name in self._by}
        values = self._where if groups is None else {**self._where, **shown}
        sets = await read_users(
            self._connection, self._tables, list(self._definition.by), self._parts, values, group_of
        )
        return {group: len(users) for group, users in sets.items()}

    def _is_counted(self, name: str) -> bool:
        return all(self._definition.keeps(name, part.level) for part in self._parts)

    def _row(self, row: Any, users: int) -> dict[str, Any]:
        found: dict[str, Any] = {"bucket": row["bucket"]} if self._question.bucket else {}
        found |= {name: row[name] for name in self._by}
        if self._by and row["other"]:
            found["other"] = True
        for name, measure in self._definition.measures.items():
            if measure.kind == "users":
                found[name] = users if self._is_counted(name) else None
            else:
                found[name] = None if row[name] is None else plain(row[name])
        return found

    async def _limit_reached(self) -> bool:
        statement = Statement()
        query = f"select exists (select from {self._cells(statement)} where other)"
        return bool(await self._connection.fetchval(query, *statement.values))


def _quoted_keys(keys: Sequence[str]) -> list[str]:
    return [key if key in ("bucket", "other") else f'"{key}"' for key in keys]


def _sorting(name: str, largest: bool) -> Any:
    # null comes last in both directions
    return lambda row: ((row[name] is None) != largest, 0 if row[name] is None else row[name])


def _kept(definition: RollupDefinition, by: list[str] | None) -> list[str]:
    names = list(definition.by)
    if by is None:
        return names
    asked = [check_column("by", name, names) for name in by if name]
    return [name for name in names if name in asked]


def _wanted(definition: RollupDefinition, where: list[str], identify: Identify) -> dict[str, list[str | None]]:
    found = parse_where(where)
    for name, values in found.items():
        check_column("where", name, list(definition.by))
        if definition.by[name] == USER_ID:
            found[name] = [one if one is None else str(user_id_of(one, identify)) for one in values]
    return found

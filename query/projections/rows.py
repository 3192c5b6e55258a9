"""The rows of a ``Fold`` or ``Sql``: those of its view."""

from collections.abc import Mapping
from typing import Any

import asyncpg
from msgspec import Raw

from query.errors import BadParameterError
from query.projections.cells import Found
from query.projections.question import RowsQuestion
from query.projections.statement import Statement, check_column, order_by, quoted


async def read_rows(connection: Any, name: str, question: RowsQuestion, equal: Mapping[str, str]) -> Found:
    """Returns the rows of a view, those whose columns are ``equal`` to some texts.

    Raises:
        UnknownColumnError: there is no such column.
        BadParameterError: a text is not a value of its column, or a parameter is one of rollups only.
    """
    for parameter, given in (("from", question.start), ("to", question.end), ("bucket", question.bucket),
                             ("by", question.by), ("where", question.where)):  # fmt: skip
        if given:
            raise BadParameterError(f"{parameter}: {name} is not a rollup; filter by its columns, such as column=value")
    types = await _column_types(connection, name)
    columns = list(types)
    statement = Statement()
    conditions = []
    for column, text in equal.items():
        [identifier] = quoted([check_column(column, column, columns)])
        conditions.append(f"{identifier} = {statement.value(text)}::text::{types[column]}")
    order = [f"{quoted([column])[0]}{' desc' if largest else ''} nulls last" for column, largest in
             order_by(question.order, columns)]  # fmt: skip
    condition = f" where {' and '.join(conditions)}" if conditions else ""
    query = f'select * from public."{name}"{condition} order by {", ".join([*order, "1"])} limit {question.limit + 1}'
    try:
        rows = await connection.fetch(query, *statement.values)
    except asyncpg.DataError as error:
        raise BadParameterError(f"a value does not fit its column: {error}") from None
    is_json = [kind in ("json", "jsonb") for kind in types.values()]
    found = [
        {
            column: Raw(value.encode()) if json and value is not None else value
            for column, value, json in zip(columns, row, is_json, strict=True)
        }
        for row in rows
    ]
    return Found(found[: question.limit], len(found) > question.limit, False)


async def _column_types(connection: Any, name: str) -> dict[str, str]:
    rows = await connection.fetch(
        "select attname, format_type(atttypid, null) as type from pg_attribute"
        " where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum",
        f'public."{name}"',
    )
    return {row["attname"]: row["type"] for row in rows}

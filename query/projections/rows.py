"""The rows of a ``Fold`` or ``Sql``."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg
from msgspec import Raw

from migrations.projections import DeclaredModel
from query.errors import BadParameterError
from query.parameters import Identify, shown_user, user_id_of
from query.projections.cells import Found
from query.projections.question import RowsQuestion
from query.projections.statement import USER_ID, Statement, check_column, order_by, quoted


async def read_rows(
    connection: Any, model: DeclaredModel, question: RowsQuestion, equal: Mapping[str, str], identify: Identify
) -> Found:
    """Returns the rows of a build, those whose columns are ``equal`` to some texts.

    Raises:
        UnknownColumnError: there is no such column.
        BadParameterError: a parameter is one of rollups only, or a column cannot be sorted or compared.
        asyncpg.DataError: a text is not a value of its column.
    """
    for parameter, given in (("from", question.start), ("to", question.end), ("bucket", question.bucket),
                             ("by", question.by), ("where", question.where)):  # fmt: skip
        if given:
            raise BadParameterError(
                f"{parameter}: {model.name} is not a rollup; filter by its columns, such as column=value"
            )
    # not through the view: a connection knows the columns of its prepared statements, and a cutover changes the view's
    relation = f'{model.schema}."{model.name if model.kind == "sql" else "rows"}"'
    types = await _column_types(connection, relation)
    columns = list(types)
    statement = Statement()
    conditions = []
    for column, text in equal.items():
        if column == USER_ID:
            text = str(user_id_of(text, identify))
        [identifier] = quoted([check_column(column, column, columns)])
        conditions.append(f"{identifier} = {statement.value(text)}::text::{types[column]}")
    order = [f"{quoted([column])[0]}{' desc' if largest else ''} nulls last" for column, largest in
             order_by(question.order, columns)]  # fmt: skip
    condition = f" where {' and '.join(conditions)}" if conditions else ""
    query = f"select * from {relation}{condition} order by {', '.join([*order, '1'])} limit {question.limit + 1}"
    try:
        rows = await connection.fetch(query, *statement.values)
    except asyncpg.UndefinedFunctionError as error:
        raise BadParameterError(f"a column cannot be sorted or compared: {error}") from None
    found = [
        {column: _shown(column, value, types[column]) for column, value in zip(columns, row, strict=True)}
        for row in rows
    ]
    return Found(found[: question.limit], len(found) > question.limit, False)


async def _column_types(connection: Any, relation: str) -> dict[str, str]:
    rows = await connection.fetch(
        "select attname, format_type(atttypid, null) as type from pg_attribute"
        " where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum",
        relation,
    )
    return {row["attname"]: row["type"] for row in rows}


def _shown(column: str, value: Any, kind: str) -> Any:
    if column == USER_ID and isinstance(value, int):
        return shown_user(value)
    if kind in ("json", "jsonb") and value is not None:
        return Raw(value.encode())
    # JSON has no such numbers
    return None if isinstance(value, Decimal) and not value.is_finite() else value

"""The tables of a declared projection, and its view in ``public``."""

import asyncpg

from contracts.errors import ConfigurationError
from migrations.projections import DeclaredModel
from projection.declared.columns import quoted, stored_measures, users_levels
from projection.declared.sql_check import check_statements
from projection.store import projection_sql
from tailrace.declared import (
    Definition,
    FoldDefinition,
    Level,
    RollupDefinition,
    SqlDefinition,
    decode_definition,
)

TYPES = {
    "int": "bigint",
    "float": "double precision",
    "decimal": "numeric",
    "str": 'text collate "C"',
    "bool": "boolean",
    "datetime": "timestamptz",
}
"""The column types of a ``Fold``'s types."""
_MEASURES = {
    "count": "bigint not null",
    "sum": "numeric not null",
    "min": "numeric",
    "max": "numeric",
}


async def create_tables(connection: "asyncpg.Connection", model: DeclaredModel) -> None:
    """Creates the tables of a new build; call it in the transaction that adds it.

    Raises:
        ConfigurationError: the database refuses the tables or the statements of a ``Sql``.
    """
    definition = decode_definition(model.definition.encode())
    await connection.execute(f"set local search_path = {model.schema}")
    await connection.execute(projection_sql("create_projection"))
    if isinstance(definition, RollupDefinition):
        await connection.execute(_rollup_tables(definition))
    elif isinstance(definition, FoldDefinition):
        await connection.execute(_fold_table(definition))
    else:
        await _sql_tables(connection, model, definition)


def view_sql(model: DeclaredModel) -> str:
    """Returns the view in ``public`` over a build."""
    definition: Definition = decode_definition(model.definition.encode())
    if isinstance(definition, RollupDefinition):
        query = "\nunion all\n".join(_level_query(model.schema, definition, level) for level in definition.every)
    elif isinstance(definition, FoldDefinition):
        columns = ", ".join(quoted([*definition.key, *definition.columns]))
        query = f"select {columns} from {model.schema}.rows"
    else:
        query = f'select * from {model.schema}."{model.name}"'
    return f'create view public."{model.name}" as {query}'


def _rollup_tables(definition: RollupDefinition) -> str:
    dims = quoted(definition.by)
    dim_columns = [f'{dim} text collate "C"' for dim in dims]
    measures = [f'"{name}" {_MEASURES[kind]}' for _, name, kind in stored_measures(definition)]
    unique = f"unique nulls not distinct ({', '.join(['bucket', 'other', *dims])})"
    columns = ["bucket timestamptz not null", "other boolean not null", *dim_columns, *measures, unique]
    statements = [f"create table cells_{level} ({', '.join(columns)})" for level in definition.every]
    if users_levels(definition):
        columns = [
            "level text not null",
            "bucket timestamptz not null",
            "key bytea not null",
            "other boolean not null",
            *dim_columns,
            "users bigint not null",
            "members bytea not null",
            "primary key (level, bucket, key)",
        ]
        statements += [
            f"create table members ({', '.join(columns)})",
            "alter table members alter column members set storage external",
            "create table set_log (seq bigint not null, events integer not null, cells bytea not null)",
        ]
    return ";\n".join(statements)


def _level_query(schema: str, definition: RollupDefinition, level: Level) -> str:
    dims = quoted(definition.by)
    columns = ["bucket", *dims, "other"]
    users = level in users_levels(definition)
    for name, measure in definition.measures.items():
        if measure.kind != "users":
            columns.append(f'"{name}"')
        elif definition.keeps(name, level):
            columns.append(f'coalesce(users, 0) as "{name}"')
        else:
            columns.append(f'null::bigint as "{name}"')
    query = f"select '{level}'::text as level, {', '.join(columns)} from {schema}.cells_{level} as cell"
    if users:
        same = " and ".join(f"found.{dim} is not distinct from cell.{dim}" for dim in dims)
        query += (
            f" left join lateral (select users from {schema}.members as found where found.level = '{level}'"
            f" and found.bucket = cell.bucket and found.other = cell.other{' and ' + same if same else ''}"
            ") as sets on true"
        )
    return query


def _fold_table(definition: FoldDefinition) -> str:
    columns = [f'"{name}" {TYPES[field.type]} not null' for name, field in definition.key.items()]
    columns += [
        f'"{name}" {TYPES[column.type]}{"" if column.nullable else " not null"}'
        for name, column in definition.columns.items()
    ]
    return f"create table rows ({', '.join(columns)}, primary key ({', '.join(quoted(definition.key))}))"


async def _sql_tables(connection: "asyncpg.Connection", model: DeclaredModel, definition: SqlDefinition) -> None:
    try:
        async with connection.transaction():
            await connection.execute(definition.tables)
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"{model.name}: the database refuses `tables`: {error.args[0]}") from None
    await check_statements(connection, model, definition)

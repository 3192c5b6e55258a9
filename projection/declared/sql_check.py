"""Checks the statements of a ``Sql`` with the database's own parser: what they read and call.

A SQL function's body is stored as it was parsed, with the numbers of its relations and functions.
"""

import re

import asyncpg

from contracts.errors import ConfigurationError
from migrations.projections import DeclaredModel
from projection.declared.sql import CREATE_BATCH
from projection.store import projection_sql
from tailrace.declared import SqlDefinition

_NUMBERS = re.compile(r":(relid|funcid|aggfnoid|winfnoid) (\d+)")


class _RolledBackError(Exception):
    """Rolls a transaction back."""


async def check_statements(connection: "asyncpg.Connection", model: DeclaredModel, definition: SqlDefinition) -> None:
    """Checks each statement of ``apply``; call it in a transaction, with ``search_path`` on the projection's schema.

    Raises:
        ConfigurationError: the database refuses a statement, or its result would depend on more than the batch.
    """
    await connection.execute(CREATE_BATCH)
    for statement in definition.apply:
        try:
            found = _NUMBERS.findall(await _parsed(connection, statement))
        except asyncpg.PostgresError as error:
            raise ConfigurationError(f"{model.name}: the database refuses `apply`: {error.args[0]}") from None
        numbers = {kind: [int(number) for which, number in found if which == kind] for kind, _ in found}
        functions = [number for kind, those in numbers.items() if kind != "relid" for number in those]
        problem = await connection.fetchval(
            projection_sql("foreign_references"), numbers.get("relid", []), functions, model.schema
        )
        if problem is not None:
            raise ConfigurationError(f"{model.name}: `apply` {problem}: a replay could not give the same rows")


async def _parsed(connection: "asyncpg.Connection", statement: str) -> str:
    body = ""
    try:
        async with connection.transaction():
            await connection.execute(f"create function pg_temp.applied() returns void begin atomic {statement}; end")
            query = "select prosqlbody::text from pg_proc where oid = 'pg_temp.applied'::regproc"
            body = str(await connection.fetchval(query))
            raise _RolledBackError
    except _RolledBackError:
        return body

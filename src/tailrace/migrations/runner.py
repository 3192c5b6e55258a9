"""Applies what is missing, in order, one migrator at a time, and refuses a schema it doesn't know."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import asyncpg

from tailrace.contracts.errors import SchemaError

FIRST_MODEL = "model_1"
_LOCK = 0x7A11_0001  # any constant; it only has to be the same for every migrator
_DATABASE = "database"


class Migration(NamedTuple):
    """One numbered file. ``scope`` is ``database`` or the name of a read model."""

    scope: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether an applied file was changed afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.scope}/{self.name}"


def migrations_of(folder: Traversable, scope: str) -> list[Migration]:
    """The numbered files of a folder, in order."""
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [
        Migration(scope, int(file.name.split("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in found
    ]


def _wanted(model: str) -> list[Migration]:
    here = files("tailrace.migrations")
    return migrations_of(here / "database", _DATABASE) + migrations_of(here / "model" / "postgres", model)


async def migrate(connection: "asyncpg.Connection", *, dry_run: bool = False) -> list[Migration]:
    """Brings the database up to date: the models' register, the first model, and the views.

    Returns:
        What was applied, or with ``dry_run`` what would be.

    Raises:
        SchemaError: the database was made by a newer Tailrace, or an applied file was changed.
    """
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        pending = await _pending(connection, FIRST_MODEL)
        if dry_run or not pending:
            return pending
        async with connection.transaction():
            await _apply(connection, pending)
        return pending
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)


async def live_model(connection: "asyncpg.Connection") -> str:
    """The name of the model readers see, after checking that this program knows the schema.

    Raises:
        SchemaError: with what to do.
    """
    pending = await _pending(connection, FIRST_MODEL)
    if pending:
        raise SchemaError(
            f"the database is not up to date ({len(pending)} migrations missing, the first is {pending[0]}): "
            "run `tailrace migrate`"
        )
    name: str | None = await connection.fetchval("select name from tailrace.models where live")
    if name is None:
        raise SchemaError("the database has no live read model: run `tailrace migrate`")
    return name


async def _apply(connection: "asyncpg.Connection", pending: Sequence[Migration]) -> None:
    await connection.execute(
        """
        create schema if not exists tailrace;
        create table if not exists tailrace.migrations (
            scope text, number integer, name text not null, checksum text not null,
            applied_at timestamptz not null default now(), primary key (scope, number)
        );
        """
    )
    for migration in pending:
        if migration.scope != _DATABASE:
            await connection.execute(
                f"create schema if not exists {migration.scope}; set local search_path = {migration.scope}"
            )
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into tailrace.migrations (scope, number, name, checksum) values ($1, $2, $3, $4)",
            migration.scope,
            migration.number,
            migration.name,
            migration.checksum,
        )
    await connection.execute(
        "insert into tailrace.models (name, flavour, live) values ($1, 'postgres', true) on conflict do nothing",
        FIRST_MODEL,
    )
    live = await connection.fetchval("select name from tailrace.models where live")
    await show_model(connection, live)


async def show_model(connection: "asyncpg.Connection", model: str) -> None:
    """Points the views in ``public`` at a model; to be called in a transaction."""
    await connection.execute(f"set local search_path = {model}")
    await connection.execute((files("tailrace.migrations") / "views.sql").read_text("utf-8"))


async def _pending(connection: "asyncpg.Connection", model: str) -> list[Migration]:
    wanted = _wanted(model)
    known = {(migration.scope, migration.number): migration for migration in wanted}
    for row in await _applied(connection):
        migration = known.pop((row["scope"], row["number"]), None)
        if migration is None and row["scope"] in (_DATABASE, model):
            raise SchemaError(
                f"the database was made by a newer Tailrace: it has the migration {row['scope']}/{row['name']}, "
                "which this one doesn't know; use that version"
            )
        if migration is not None and migration.checksum != row["checksum"]:
            raise SchemaError(f"the migration {migration} was changed after it was applied; put the old file back")
    return [migration for migration in wanted if (migration.scope, migration.number) in known]


async def _applied(connection: "asyncpg.Connection") -> Sequence[Any]:
    if await connection.fetchval("select to_regclass('tailrace.migrations')") is None:
        return []
    rows: Sequence[Any] = await connection.fetch("select scope, number, name, checksum from tailrace.migrations")
    return rows

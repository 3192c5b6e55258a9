"""Applies what is missing, in order, one migrator at a time, and refuses a schema it doesn't know."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from contracts.errors import ConfigurationError, SchemaError
from migrations.files import DATABASE, Migration, database_migrations, model_migrations, views_sql
from migrations.flavours import choose_flavour, ensure_timescale, extension_schema
from migrations.models import Model, list_models, live_of
from migrations.policies import reconcile_policies
from runtime.settings import Settings

_LOCK = 0x7A11_0001  # any constant; it only has to be the same for every migrator


@asynccontextmanager
async def migration_lock(connection: "asyncpg.Connection") -> AsyncIterator[None]:
    """Only one at a time changes the schema, or which model is live."""
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        yield
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)


@asynccontextmanager
async def _migrating(connection: "asyncpg.Connection") -> AsyncIterator[None]:
    try:
        async with migration_lock(connection):
            yield
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"the database refuses a migration, those before it stay: {error}") from error


async def migrate(connection: "asyncpg.Connection", settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Brings the database up to date: the models' register, a first model, every model, the views, the policies.

    Returns:
        What was applied, or with ``dry_run`` what would be.

    Raises:
        SchemaError: the database was made by a newer Tailrace, or an applied file was changed.
        ConfigurationError: the flavour that is asked for is not possible here, or the database refuses.
    """
    async with _migrating(connection):
        models = [model for model in await list_models(connection) if model.state != "dropping"]
        models = models or [await _first_model(connection, settings)]
        pending = await _pending(connection, models)
        if dry_run:
            return [str(migration) for migration in pending]
        await _apply_all(connection, [migration for migration in pending if migration.scope == DATABASE])
        await _register(connection, models)
        await _apply_all(connection, [migration for migration in pending if migration.scope != DATABASE])
        if pending:
            async with connection.transaction():
                await show_model(connection, live_of(models))
        changed = [change for model in models for change in await reconcile_policies(connection, model, settings)]
        return [*map(str, pending), *changed]


async def model_beside(connection: "asyncpg.Connection", settings: Settings) -> Model:
    """The model beside the live one, for a replay to build: one that was begun, or else an empty new one.

    Raises:
        ConfigurationError: a finished one is there already, or one that is being dropped, or the database refuses.
        SchemaError: this program doesn't know the database's schema.
    """
    async with _migrating(connection):
        await live_model(connection)
        newest = (await list_models(connection))[-1]
        if newest.live:
            flavour = await choose_flavour(connection, settings.flavour)
            newest = Model(f"model_{newest.number + 1}", flavour, live=False, state="building")
            await _register(connection, [newest])
        elif newest.state == "dropping":
            raise ConfigurationError(newest.half_dropped)
        elif newest.state == "ready":
            raise ConfigurationError(
                f"{newest.name} is there already, beside the live model: `tailrace cutover` shows it to readers, "
                "`tailrace drop-old` removes it"
            )
        await _apply_all(connection, await _pending(connection, [newest]))
        await reconcile_policies(connection, newest, settings)
        return newest


async def live_model(connection: "asyncpg.Connection") -> Model:
    """The model readers see, after checking that this program knows the schema.

    Raises:
        SchemaError: with what to do.
    """
    models = await list_models(connection)
    pending = await _pending(connection, [model for model in models if model.state == "ready"])
    if pending:
        raise SchemaError(
            f"the database is not up to date ({len(pending)} migrations missing, the first is {pending[0]}): "
            "run `tailrace migrate`"
        )
    return live_of(models)


async def _apply_all(connection: "asyncpg.Connection", migrations: Sequence[Migration]) -> None:
    """In order; one that fails leaves nothing of itself."""
    await connection.execute(
        """
        create schema if not exists tailrace;
        create table if not exists tailrace.migrations (
            scope text, number integer, name text not null, checksum text not null,
            applied_at timestamptz not null default now(), primary key (scope, number)
        );
        """
    )
    for migration in migrations:
        if migration.in_transaction:
            async with connection.transaction():
                await _apply(connection, migration)
        else:
            await _apply(connection, migration)


async def _apply(connection: "asyncpg.Connection", migration: Migration) -> None:
    path = "public"
    if migration.scope != DATABASE:
        await connection.execute(f"create schema if not exists {migration.scope}")
        path = f"{migration.scope}, {await extension_schema(connection)}"
    await connection.execute("select set_config('search_path', $1, $2)", path, migration.in_transaction)
    try:
        await connection.execute(migration.sql)
    finally:
        if not migration.in_transaction:
            await connection.execute("reset search_path")
    await connection.execute(
        "insert into tailrace.migrations (scope, number, name, checksum) values ($1, $2, $3, $4)",
        migration.scope,
        migration.number,
        migration.name,
        migration.checksum,
    )


async def show_model(connection: "asyncpg.Connection", model: Model, *, patience: float | None = None) -> None:
    """Points the views in ``public`` at a model; to be called in a transaction.

    ``patience``: seconds to wait for those who read the views, all of them together; if not given, to the end.

    Raises:
        asyncpg.LockNotAvailableError: that was not enough; the transaction has to be rolled back.
    """
    await connection.execute(f"set local search_path = {model.name}")
    await connection.execute(views_sql() if patience is None else _within(patience, views_sql()))


def _within(patience: float, statements: str) -> str:
    """Gives each view what is left of the time since the message came: ``lock_timeout`` is for each lock alone."""
    left = f"{patience * 1000:.0f} - (1000 * extract(epoch from clock_timestamp() - statement_timestamp()))::int"
    limit = f"select set_config('lock_timeout', greatest(1, {left})::text, true);\n"
    return re.sub("^create ", lambda create: limit + create[0], statements, flags=re.MULTILINE)


async def _first_model(connection: "asyncpg.Connection", settings: Settings) -> Model:
    return Model("model_1", await choose_flavour(connection, settings.flavour), live=True, state="ready")


async def _register(connection: "asyncpg.Connection", models: Sequence[Model]) -> None:
    for model in models:
        if model.flavour == "timescale":
            await ensure_timescale(connection)
        await connection.execute(
            "insert into tailrace.models (name, flavour, live, state) values ($1, $2, $3, $4) on conflict do nothing",
            *model,
        )


async def _pending(connection: "asyncpg.Connection", models: Sequence[Model]) -> list[Migration]:
    wanted = [*database_migrations(), *(migration for model in models for migration in model_migrations(model))]
    known = {(migration.scope, migration.number): migration for migration in wanted}
    scopes = {DATABASE, *(model.name for model in models)}
    for row in await _applied(connection):
        migration = known.pop((row["scope"], row["number"]), None)
        if migration is None and row["scope"] in scopes:
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

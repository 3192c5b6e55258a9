"""Applies missing migrations in order, one migrator at a time, and refuses a schema that it does not know."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from contracts.entries import Gap
from contracts.errors import ConflictError, SchemaError
from migrations.catalogue import (
    Model,
    add_model,
    ensure_migrations_table,
    list_applied,
    list_models,
    live_of,
    record_migration,
)
from migrations.files import Migration, database_migrations, ledger_migrations, model_migrations
from migrations.flavours import choose_flavour, ensure_timescale, extension_schema
from migrations.generations import check_generations
from migrations.policies import reconcile_policies
from migrations.views import show_model
from runtime.settings import Settings

_LOCK = 0x7A11_0001  # an arbitrary constant, the same for every migrator


@asynccontextmanager
async def migration_lock(connection: "asyncpg.Connection") -> AsyncIterator[None]:
    """Serializes changes of the schema and of the live model."""
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
        raise ConflictError(f"the database refuses a migration; earlier ones stay applied: {error}") from error


async def migrate(connection: "asyncpg.Connection", settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Brings the database up to date: the catalogue, a first model, every model's tables, the views, the policies.

    Does not change the tables of models of the previous generation.

    Returns:
        The changes, or with ``dry_run`` the pending migrations.

    Raises:
        SchemaError: a newer Tailrace made the database, or an applied file was changed.
        ConfigurationError: the database can't have the flavour of the settings.
        ConflictError: the database refuses a migration.
    """
    async with _migrating(connection):
        models = [model for model in await list_models(connection) if model.state != "dropping"]
        await check_generations(connection, models)
        models = models or [await _first_model(connection, settings)]
        pending = await _pending(connection, models)
        if dry_run:
            return [str(migration) for migration in pending]
        await _apply_all(connection, [migration for migration in pending if migration.is_shared])
        await _register(connection, models)
        await _apply_all(connection, [migration for migration in pending if not migration.is_shared])
        if pending:
            async with connection.transaction():
                await show_model(connection, live_of(models))
        current = [model for model in models if model.is_current]
        changed = [change for model in current for change in await reconcile_policies(connection, model, settings)]
        return [*map(str, pending), *changed]


async def ensure_candidate(
    connection: "asyncpg.Connection", settings: Settings, epoch: str, log_from: int = 1, gaps: Sequence[Gap] = ()
) -> Model:
    """Returns the candidate model for a replay to build: an unfinished one, or else a new and empty one.

    A new one shares the ledger of another model if that is of the same ``epoch``, begins at the same entry, and has no
    id of the recorded ``gaps``: a lost event that is sent again must count.

    Raises:
        ConflictError: the candidate is finished or being dropped, or the database refuses a migration.
        SchemaError: this program does not know the database's schema.
    """
    async with _migrating(connection):
        await require_current_schema(connection)
        newest = (await list_models(connection))[-1]
        if newest.live or not newest.is_current:
            flavour = await choose_flavour(connection, settings.flavour)
            ledger = await _choose_ledger(connection, epoch, log_from, gaps)
            name = await _free_schema(connection, "model", newest.number + 1)
            newest = Model(name, flavour, live=False, state="building", ledger=ledger)
            await _register(connection, [newest])
        elif newest.state == "dropping":
            raise ConflictError(newest.half_dropped)
        elif newest.state == "ready":
            raise ConflictError(
                f"the candidate model {newest.name} is already finished: `tailrace cutover` makes it live, "
                "`tailrace drop-old` removes it"
            )
        await _apply_all(connection, await _pending(connection, [newest]))
        await reconcile_policies(connection, newest, settings)
        return newest


async def _choose_ledger(connection: "asyncpg.Connection", epoch: str, log_from: int, gaps: Sequence[Gap]) -> str:
    ledgers = sorted({model.ledger for model in await list_models(connection) if model.is_current}, key=_ledger_number)
    for ledger in ledgers:
        found = await connection.fetchrow(f"select epoch, log_from from {ledger}.ledger_position")
        if tuple(found) == (epoch, log_from) and not await _has_lost_ids(connection, ledger, gaps):
            return ledger
        if found["epoch"] == "" and log_from == 1:
            return ledger
    return await _free_schema(connection, "ledger", _ledger_number(ledgers[-1]) + 1 if ledgers else 1)


async def _free_schema(connection: "asyncpg.Connection", kind: str, number: int) -> str:
    """Returns ``<kind>_<number>``, or the next number without a schema of that name."""
    while await connection.fetchval("select to_regnamespace($1) is not null", f"{kind}_{number}"):
        number += 1
    return f"{kind}_{number}"


async def _has_lost_ids(connection: "asyncpg.Connection", ledger: str, gaps: Sequence[Gap]) -> bool:
    if not gaps:
        return False
    lost = " or ".join(f"seq between {gap.first} and {gap.last}" for gap in gaps)
    return bool(await connection.fetchval(f"select exists (select from {ledger}.event_ids where {lost})"))


def _ledger_number(ledger: str) -> int:
    return int(ledger.removeprefix("ledger_"))


async def require_current_schema(connection: "asyncpg.Connection") -> None:
    """Checks that the database has exactly the migrations of this program; its live model may be a frozen one.

    Raises:
        SchemaError: names the first missing or unknown migration and the command to run.
    """
    models = await list_models(connection)
    await check_generations(connection, models)
    pending = await _pending(connection, [model for model in models if model.state == "ready"])
    if pending:
        raise SchemaError(
            f"the database is not up to date ({len(pending)} migrations missing, the first is {pending[0]}): "
            "run `tailrace migrate`"
        )
    live_of(models)


async def _apply_all(connection: "asyncpg.Connection", migrations: Sequence[Migration]) -> None:
    """Applies in order; a migration that fails leaves no trace."""
    await ensure_migrations_table(connection)
    for migration in migrations:
        if migration.in_transaction:
            async with connection.transaction():
                await _apply(connection, migration)
        else:
            await _apply(connection, migration)


async def _apply(connection: "asyncpg.Connection", migration: Migration) -> None:
    path = "public"
    if not migration.is_shared:
        if await connection.fetchval("select to_regnamespace($1) is null", migration.scope):
            await connection.execute(f"create schema {migration.scope}")
            await connection.execute(f"comment on schema {migration.scope} is 'Tailrace owns this schema and drops it'")
        path = f"{migration.scope}, {await extension_schema(connection)}"
    await connection.execute("select set_config('search_path', $1, $2)", path, migration.in_transaction)
    try:
        await connection.execute(migration.sql)
    finally:
        if not migration.in_transaction:
            await connection.execute("reset search_path")
    await record_migration(connection, migration)


async def _first_model(connection: "asyncpg.Connection", settings: Settings) -> Model:
    name, ledger = await _free_schema(connection, "model", 1), await _free_schema(connection, "ledger", 1)
    return Model(name, await choose_flavour(connection, settings.flavour), live=True, state="ready", ledger=ledger)


async def _register(connection: "asyncpg.Connection", models: Sequence[Model]) -> None:
    for model in models:
        if model.flavour == "timescale":
            await ensure_timescale(connection)
        await add_model(connection, model)


async def _pending(connection: "asyncpg.Connection", models: Sequence[Model]) -> list[Migration]:
    models = [model for model in models if model.is_current]
    wanted = [*database_migrations()]
    shared = {migration.scope for migration in wanted}
    ledgers = sorted({model.ledger for model in models})
    for ledger in ledgers:
        wanted += ledger_migrations(ledger)
    for model in models:
        wanted += model_migrations(model.name, model.flavour)
    missing = {(migration.scope, migration.number): migration for migration in wanted}
    scopes = {*shared, *ledgers, *(model.name for model in models)}
    for applied in await list_applied(connection):
        migration = missing.pop((applied.scope, applied.number), None)
        if migration is None and applied.scope in scopes:
            raise SchemaError(
                f"the database was made by a newer Tailrace: it has the migration {applied.scope}/{applied.name}, "
                "which this version does not know; use the newer version"
            )
        if migration is not None and migration.checksum != applied.checksum:
            raise SchemaError(f"the migration {migration} was changed after it was applied; restore the old file")
    return [migration for migration in wanted if (migration.scope, migration.number) in missing]

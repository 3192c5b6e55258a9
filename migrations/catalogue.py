"""The catalogue of read models: a schema per model, one of them live, their ledgers, and the migrations of each.

Only this module reads and writes the rows of ``tailrace.models`` and ``tailrace.migrations``.
"""

from typing import Literal, NamedTuple
from zlib import crc32

import asyncpg

from contracts.errors import SchemaError
from migrations.files import GENERATION, Migration, shared_scope
from migrations.flavours import Flavour
from migrations.rollup_sets import RollupTables

State = Literal["building", "ready", "dropping"]

_MIGRATIONS_TABLE = """
create schema if not exists tailrace;
create table if not exists tailrace.migrations (
    scope text, number integer, name text not null, checksum text not null,
    applied_at timestamptz not null default now(), primary key (scope, number)
);
"""


class Model(NamedTuple):
    """A read model. The views show the ``live`` one; the projection service projects into those that are ready.

    Models of the same epoch of the log share a ``ledger``, a schema too.
    """

    name: str
    flavour: Flavour
    live: bool
    state: State
    ledger: str = "ledger_1"
    generation: int = GENERATION

    @property
    def number(self) -> int:
        """Models are numbered in the order of their creation."""
        return int(self.name.removeprefix("model_"))

    @property
    def search_path(self) -> str:
        """The schemas of its tables and of its ledger."""
        return f"{self.name}, {self.ledger}" if self.ledger else self.name

    @property
    def pages(self) -> RollupTables:
        """The tables of the rollup ``pages``."""
        return RollupTables(self.name, "pages_")

    @property
    def is_current(self) -> bool:
        """Whether it is of this program's generation; otherwise it is frozen: read, never written."""
        return self.generation == GENERATION

    @property
    def projector_lock(self) -> int:
        """The advisory lock that the model's active projector holds."""
        return crc32(f"tailrace projector {self.name}".encode())

    @property
    def half_dropped(self) -> str:
        """The error message for a model in the state ``dropping``."""
        return f"{self.name} is being dropped, or its drop was interrupted: run `tailrace drop-old` again"


class AppliedMigration(NamedTuple):
    """A migration that the database has."""

    scope: str
    number: int
    name: str
    checksum: str


async def list_models(connection: "asyncpg.Connection") -> list[Model]:
    """Returns every model, the oldest first; [] before the first migration."""
    if await connection.fetchval("select to_regclass('tailrace.models')") is None:
        return []
    # through jsonb: a database that is not up to date lacks the later columns
    rows = await connection.fetch(
        "select name, flavour, live, coalesce(to_jsonb(models) ->> 'state', 'ready') as state,"
        " coalesce(to_jsonb(models) ->> 'ledger', '') as ledger,"
        " coalesce((to_jsonb(models) ->> 'generation')::int, 1) as generation from tailrace.models"
    )
    return sorted((Model(**dict(row)) for row in rows), key=lambda model: model.number)


async def get_live_model(connection: "asyncpg.Connection") -> Model:
    """Returns the model that readers see. Does not check the schema: see ``require_current_schema``.

    Raises:
        SchemaError: no model is live.
    """
    return live_of(await list_models(connection))


def live_of(models: list[Model]) -> Model:
    """Returns the live model among ``models``.

    Raises:
        SchemaError: none is live.
    """
    for model in models:
        if model.live:
            return model
    raise SchemaError("the database has no live read model: run `tailrace migrate`")


async def lock_model(connection: "asyncpg.Connection", name: str) -> Model | None:
    """Returns the current row of a model and locks it until the transaction ends; None if the model was dropped."""
    row = await connection.fetchrow(
        "select name, flavour, live, state, ledger, generation from tailrace.models where name = $1 for update", name
    )
    return None if row is None else Model(**dict(row))


async def add_model(connection: "asyncpg.Connection", model: Model) -> None:
    """Adds a model unless it exists."""
    await connection.execute(
        "insert into tailrace.models (name, flavour, live, state, ledger, generation)"
        " values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        *model,
    )


async def change_state(connection: "asyncpg.Connection", name: str, before: State, after: State) -> bool:
    """Changes the state from ``before`` to ``after``. Returns False, and changes nothing, in any other state."""
    changed = "update tailrace.models set state = $3 where name = $1 and state = $2 returning true"
    return bool(await connection.fetchval(changed, name, before, after))


async def set_live(connection: "asyncpg.Connection", name: str) -> None:
    """Makes one model the live one; call it in the transaction that replaces the views."""
    await connection.execute("update tailrace.models set live = false where live")
    await connection.execute("update tailrace.models set live = true where name = $1", name)


async def remove_model(connection: "asyncpg.Connection", model: Model) -> None:
    """Removes a model and its migrations from the catalogue; call it in the transaction that drops the schema."""
    await connection.execute("delete from tailrace.models where name = $1", model.name)
    await connection.execute("delete from tailrace.migrations where scope = $1", model.name)
    await drop_unused_ledger(connection, model.ledger)


async def drop_unused_ledger(connection: "asyncpg.Connection", ledger: str) -> None:
    """Drops a ledger and its migrations if no model and no projection uses it; "" is the ledger of none."""
    used = await connection.fetchval(
        "select exists (select from tailrace.models where ledger = $1)"
        " or exists (select from tailrace.projections where ledger = $1)",
        ledger,
    )
    if ledger and not used:
        await connection.execute("delete from tailrace.migrations where scope = $1", ledger)
        await connection.execute(f"drop schema if exists {ledger} cascade")


async def use_model(connection: "asyncpg.Connection", model: Model) -> None:
    """Sets the connection's ``search_path`` to the schemas of the model and of its ledger."""
    await connection.execute("select set_config('search_path', $1, false)", model.search_path)


async def ensure_migrations_table(connection: "asyncpg.Connection") -> None:
    """Creates the table of applied migrations unless it exists."""
    await connection.execute(_MIGRATIONS_TABLE)


async def list_applied(connection: "asyncpg.Connection") -> list[AppliedMigration]:
    """Returns the applied migrations of all scopes; [] before the first one."""
    if await connection.fetchval("select to_regclass('tailrace.migrations')") is None:
        return []
    rows = await connection.fetch("select scope, number, name, checksum from tailrace.migrations")
    found = [AppliedMigration(*row) for row in rows]
    # the first versions of a generation recorded all of them in one scope
    return [one._replace(scope=shared_scope(one.number)) if one.scope == "database" else one for one in found]


async def record_migration(connection: "asyncpg.Connection", migration: Migration) -> None:
    """Records that a migration was applied."""
    await connection.execute(
        "insert into tailrace.migrations (scope, number, name, checksum) values ($1, $2, $3, $4)",
        migration.scope,
        migration.number,
        migration.name,
        migration.checksum,
    )

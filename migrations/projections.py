"""The catalogue of the projections that users declare: builds of versions, one of them live per name.

Only this module reads and writes the rows of ``tailrace.projections``.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from zlib import crc32

import asyncpg

from migrations.catalogue import drop_unused_ledger
from migrations.rollup_sets import RollupTables

WORKER = "projections-catalogue"
"""The name of the worker's connection that holds the locks of all of its projections."""

Kind = Literal["rollup", "fold", "sql"]
State = Literal["building", "ready", "orphaned", "dropping"]

_COLUMNS = "number, name, version, kind, definition, sources, ledger, live, state, error"


class DeclaredModel(NamedTuple):
    """One build of a version of a projection: a schema with a position of its own.

    ``definition`` is JSON (``tailrace.declared.decode_definition``); ``sources`` is the JSON of the modules that a
    ``Fold`` needs. With an ``error`` it has stopped.
    """

    number: int
    name: str
    version: int
    kind: Kind
    definition: str
    sources: str
    ledger: str
    live: bool
    state: State
    error: str | None

    @property
    def schema(self) -> str:
        """The schema of its tables."""
        return f"projection_{self.number}"

    @property
    def tables(self) -> RollupTables:
        """The tables of a ``Rollup``."""
        return RollupTables(self.schema)

    @property
    def projector_lock(self) -> int:
        """The advisory lock that its active projector holds."""
        return crc32(f"tailrace projector {self.schema}".encode())

    @property
    def status(self) -> str:
        """Its state in one word: live, ready, building, failed, orphaned or dropping."""
        if self.error is not None:
            return "failed"
        return "live" if self.live and self.state == "ready" else self.state

    @property
    def trouble(self) -> str:
        """Why it has stopped, as a sentence."""
        return f"the projection {self} has stopped: {self.error}"

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


async def list_projections(connection: "asyncpg.Connection", name: str | None = None) -> list[DeclaredModel]:
    """Returns every build, or those of one name, the oldest first; [] before the first migration."""
    if await connection.fetchval("select to_regclass('tailrace.projections')") is None:
        return []
    rows = await connection.fetch(
        f"select {_COLUMNS} from tailrace.projections where $1::text is null or name = $1 order by number", name
    )
    return [DeclaredModel(*row) for row in rows]


async def get_live_projection(connection: "asyncpg.Connection", name: str) -> DeclaredModel | None:
    """Returns the build that readers of a name see; None if there is none."""
    row = await connection.fetchrow(f"select {_COLUMNS} from tailrace.projections where name = $1 and live", name)
    return None if row is None else DeclaredModel(*row)


async def lock_projection(connection: "asyncpg.Connection", number: int) -> DeclaredModel | None:
    """Returns the current row of a build and locks it until the transaction ends; None if it was dropped."""
    row = await connection.fetchrow(f"select {_COLUMNS} from tailrace.projections where number = $1 for update", number)
    return None if row is None else DeclaredModel(*row)


async def add_projection(
    connection: "asyncpg.Connection",
    name: str,
    version: int,
    kind: Kind,
    definition: str,
    sources: str,
    ledger: str,
    state: State = "building",
) -> DeclaredModel:
    """Adds a build and creates its empty schema; call it in a transaction.

    With the state ``dropping`` only the caller uses it, and a drop removes what is left.
    """
    row = await connection.fetchrow(
        "insert into tailrace.projections (name, version, kind, definition, sources, ledger, state)"
        f" values ($1, $2, $3, $4, $5, $6, $7) returning {_COLUMNS}",
        name,
        version,
        kind,
        definition,
        sources,
        ledger,
        state,
    )
    model = DeclaredModel(*row)
    await connection.execute(f"create schema {model.schema}")
    return model


async def change_projection(
    connection: "asyncpg.Connection", model: DeclaredModel, *, state: State | None = None, error: str | None = None
) -> bool:
    """Changes the state, if one is given, and sets or clears the error; a build that is being dropped stays so.

    Returns False if it is being dropped, or was.
    """
    return bool(
        await connection.fetchval(
            "update tailrace.projections set state = coalesce($2, state), error = $3"
            " where number = $1 and state <> 'dropping' returning true",
            model.number,
            state,
            error,
        )
    )


async def set_live_projection(connection: "asyncpg.Connection", model: DeclaredModel) -> None:
    """Makes a build the live one of its name; call it in the transaction that replaces the view."""
    await connection.execute("update tailrace.projections set live = false where name = $1 and live", model.name)
    await connection.execute("update tailrace.projections set live = true where number = $1", model.number)


async def remove_projection(connection: "asyncpg.Connection", model: DeclaredModel) -> None:
    """Drops a build, and its ledger if nothing else uses it; call it in a transaction."""
    await connection.execute(f"drop schema if exists {model.schema} cascade")
    await connection.execute("delete from tailrace.projections where number = $1", model.number)
    await drop_unused_ledger(connection, model.ledger)


class BuildState(NamedTuple):
    """A build, its position, and the number of its parked events."""

    model: DeclaredModel
    epoch: str
    seq: int
    parked: int

    @property
    def failed(self) -> bool:
        """Whether it has stopped."""
        return self.model.error is not None


async def read_states(connection: "asyncpg.Connection", name: str | None = None) -> list[BuildState]:
    """Returns the state of every build, or of those of one name, that is not being dropped, sorted by name."""
    found = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for model in await list_projections(connection, name):
            if model.state != "dropping":
                row = await connection.fetchrow(
                    f"select epoch, seq, (select count(*) from {model.schema}.parked_events)"
                    f" from {model.schema}.projection_position"
                )
                found.append(BuildState(model, *row))
    return sorted(found, key=lambda one: (one.model.name, one.model.number))


async def list_failed(connection: "asyncpg.Connection") -> list[DeclaredModel]:
    """Returns the builds that have stopped, by name and version."""
    failed = [model for model in await list_projections(connection) if model.error is not None]
    return sorted(failed, key=lambda model: (model.name, model.version))


async def note_problems(connection: "asyncpg.Connection", problems: Sequence[str]) -> None:
    """Replaces the sentences about declarations that can't be used."""
    async with connection.transaction():
        await connection.execute("delete from tailrace.projection_problems")
        await connection.execute(
            "insert into tailrace.projection_problems (message) select distinct unnest($1::text[])", list(problems)
        )


async def list_problems(connection: "asyncpg.Connection") -> list[str]:
    """Returns the sentences about declarations that can't be used."""
    rows = await connection.fetch("select message from tailrace.projection_problems order by message")
    return [row["message"] for row in rows]

"""Cutover, rollback and drop of declared projections: one transaction replaces the view of a name.

The transaction stops the live build at its position until the other one has caught up, as for the built-in model. A
reader's transaction locks the view before its snapshot, so it sees one build only.
"""

from typing import Any, NamedTuple

import asyncpg

from contracts.errors import ConflictError
from migrations.projections import (
    DeclaredModel,
    change_projection,
    list_projections,
    lock_projection,
    remove_projection,
    set_live_projection,
)
from migrations.runner import migration_lock
from projection.cutover import (
    BATCH_TIMEOUT,
    READERS_TIMEOUT,
    Direction,
    NotSwappedError,
    catch_up,
    lock_position,
    projector_ended,
    swap_with_retries,
)
from projection.declared.tables import view_sql
from projection.store import projection_sql
from runtime.postgres import read_sql

DROP_TIMEOUT = 15.0


class Builds(NamedTuple):
    """The live build of a name, and the one that a cutover or rollback shows."""

    old: DeclaredModel | None
    new: DeclaredModel


def unknown(name: str) -> ConflictError:
    """Returns the error for a name that no projection has."""
    return ConflictError(f"there is no projection {name}: `tailrace projection list` shows all")


async def choose(connection: "asyncpg.Connection", name: str, direction: Direction) -> Builds:
    """Returns the builds that a cutover or rollback of a projection is about.

    Raises:
        ConflictError: there is no such projection, or no other build that is ready.
    """
    builds = [model for model in await list_projections(connection, name) if model.state != "dropping"]
    if not builds:
        raise unknown(name)
    live = next((model for model in builds if model.live), None)
    if direction == "cutover":
        others = [model for model in builds if live is None or model.number > live.number]
        missing = f"{name} has no newer build: set a higher version in its file, then `tailrace replay {name}`"
    else:
        others = [model for model in builds if live is not None and model.number < live.number]
        missing = f"{name} has no older build to roll back to"
    if not others:
        raise ConflictError(missing)
    _check_ready(others[-1])
    return Builds(live, others[-1])


async def swap(connection: "asyncpg.Connection", builds: Builds) -> None:
    """Shows readers the new build.

    Raises:
        ConflictError: something outside depends on the view, or another command changed the builds.
        NotSwappedError: the build stays behind the live one, or batches or readers block the swap.
    """
    async with migration_lock(connection):
        await swap_with_retries(
            connection, lambda: _swap(connection, builds), f"readers of {builds.new.name} still see the old rows"
        )


async def drop_old(
    connection: "asyncpg.Connection", name: str, *, timeout: float = DROP_TIMEOUT
) -> list[DeclaredModel]:
    """Drops every build of a projection but the live one; all of them if its class is gone (orphaned).

    Raises:
        ConflictError: there is no such projection, or a projector or a reader still uses one of the builds.
    """
    builds = await list_projections(connection, name)
    if not builds:
        raise unknown(name)
    dropped = [model for model in builds if not model.live or model.state == "orphaned"]
    for model in dropped:
        await _drop(connection, model, timeout)
    return dropped


async def _swap(connection: "asyncpg.Connection", builds: Builds) -> None:
    old, new = builds
    await connection.execute(f"set local lock_timeout = {BATCH_TIMEOUT * 1000:.0f}")
    found = await lock_projection(connection, new.number)
    if found is None:
        raise ConflictError(f"{new} was dropped in the meantime")
    _check_ready(found)
    live = [model.number for model in await list_projections(connection, new.name) if model.live]
    if live != ([old.number] if old else []):
        raise ConflictError(f"another build of {new.name} became live in the meantime")
    grants: list[Any] = []
    if old is not None:
        held = await lock_position(connection, old.schema, str(old))
        behind = f"{new} is behind {old}; is the worker of projections running?"
        await catch_up(connection, new.schema, str(new), held, behind)
        grants = await connection.fetch(read_sql("migrations", "view_grants"), new.name)
    await set_live_projection(connection, new)
    await connection.execute(f"set local lock_timeout = {READERS_TIMEOUT * 1000:.0f}")
    try:
        await connection.execute(f'drop view if exists public."{new.name}"')
    except asyncpg.LockNotAvailableError:
        raise NotSwappedError(f"a transaction keeps reading {new.name}") from None
    except asyncpg.DependentObjectsStillExistError as error:
        raise ConflictError(
            f"the view {new.name} can't be replaced: {error.detail}; drop that first, and create it again afterwards"
        ) from None
    await connection.execute(view_sql(new))
    for grant in grants:
        await connection.execute(grant["statement"])


def _check_ready(model: DeclaredModel) -> None:
    if model.error is not None:
        raise ConflictError(f"{model} has failed: {model.error}")
    # one whose class is gone is finished if it reaches the live one's position
    if model.state not in ("ready", "orphaned"):
        raise ConflictError(f"{model} is {model.state}, not ready: `tailrace replay {model.name}` builds it")


async def _drop(connection: "asyncpg.Connection", model: DeclaredModel, timeout: float) -> None:
    before = model.state
    await change_projection(connection, model, state="dropping", error=model.error)
    if not await projector_ended(connection, model.projector_lock, timeout):
        await _undo(connection, model)
        raise ConflictError(f"{model} is still being projected into; stop its replay first")
    try:
        async with migration_lock(connection), connection.transaction():
            await connection.execute(f"set local lock_timeout = {timeout * 1000:.0f}")
            found = await lock_projection(connection, model.number)
            if found is None:
                return
            if found.live and before != "orphaned":
                raise ConflictError(f"{model} has just become the live build, so it stays")
            if found.live:
                await connection.execute(f'drop view if exists public."{model.name}"')
            await remove_projection(connection, model)
    except (asyncpg.LockNotAvailableError, asyncpg.DependentObjectsStillExistError, ConflictError) as error:
        await _undo(connection, model)
        if isinstance(error, ConflictError):
            raise
        if isinstance(error, asyncpg.DependentObjectsStillExistError):
            raise ConflictError(f"{model} can't be dropped: {error.detail}") from None
        readers = await connection.fetchval(projection_sql("readers_of"), model.schema) or "an open transaction"
        raise ConflictError(f"{model} is still being read: wait for {readers} to end, then drop it again") from None
    finally:
        await connection.execute("select pg_advisory_unlock($1)", model.projector_lock)


async def _undo(connection: "asyncpg.Connection", model: DeclaredModel) -> None:
    await connection.execute(
        "update tailrace.projections set state = $2 where number = $1 and state = 'dropping'", model.number, model.state
    )

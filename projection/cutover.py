"""Going over: readers see another model from one transaction to the next, and may go back until the old one is dropped.

The swap holds the live model's position, so that nothing moves while the other catches up, then that one's too, and
then replaces the views, the position's first. Every reader's transaction locks that view (ACCESS SHARE) before it takes
its snapshot: one that has begun is waited for, one that comes later sees the other model as it is now, and none sees
both.

Whatever was found out before the migration lock is looked at again behind it: verifying takes long, and so may waiting.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import asyncpg

from contracts.errors import ConflictError, ForeignHistoryError, UnavailableError
from contracts.upcasting import NO_UPCASTERS, Upcasters
from migrations.catalogue import Model, change_state, list_models, live_of, lock_model, remove_model, set_live
from migrations.runner import migration_lock, require_current_schema, show_model
from projection.store import projection_sql
from runtime.log.client import LogClient
from verification.receipt import Receipt
from verification.run import verify

READERS_WAIT = 0.1
"""Seconds a try may hold up readers: for all views together, since they wait for the first as long as for the last."""
BATCH = 10.0
"""Seconds to wait for a batch that is on its way into a model; no reader waits for that."""
CATCH_UP = 1.0
"""Seconds the live model is held for the other to catch up in, at each try."""
PATIENCE = 60.0
"""Seconds of trying."""
_PAUSE = 0.2
_POLL = 0.02

Direction = Literal["cutover", "rollback"]


class NotSwappedError(UnavailableError):
    """Readers still see the model they saw: try again."""


class Swap(NamedTuple):
    """From one model to another; ``receipt`` is the verification before, None where there was none."""

    old: Model
    new: Model
    receipt: Receipt | None


async def go_over(
    client: LogClient,
    connection: "asyncpg.Connection",
    direction: Direction,
    *,
    check: bool = True,
    upcasters: Upcasters = NO_UPCASTERS,
    on_read: Callable[[int, int], None] = lambda done, of: None,
) -> Swap:
    """Shows readers the newer model (cutover), or the older one again (rollback).

    With ``check`` the model is verified first (``on_read`` is told how far); one that differs from the log comes back
    in the receipt, and nothing is changed.

    Raises:
        ConflictError: there is no such model, it isn't ready, or it was dropped or shown meanwhile.
        ForeignHistoryError: the model is of another log.
        NotSwappedError: the model stays behind the live one, or batches or readers left no moment to swap in.
    """
    await require_current_schema(connection)
    old, new = _choose(await list_models(connection), direction)
    state = await client.state()
    epoch = await connection.fetchval(f"select epoch from {new.name}.projection_position")
    if epoch not in ("", state.epoch):
        raise ForeignHistoryError(f"{new.name} is of the log {epoch}, not of this one ({state.epoch})")
    receipt = await verify(client, connection, on_read, model=new, upcasters=upcasters) if check else None
    if receipt is not None and receipt.differences:
        return Swap(old, new, receipt)
    async with migration_lock(connection):
        await _until_swapped(connection, old, new)
    return Swap(old, new._replace(live=True), receipt)


async def drop_old(connection: "asyncpg.Connection", *, patience: float = 15.0) -> list[Model]:
    """Drops every model but the live one; its projector is told to stop and waited for, ``patience`` seconds.

    So long too it waits for whoever reads it, and then changes nothing: a service that starts meanwhile waits with it.

    Raises:
        ConflictError: somebody still projects into it or reads it, or readers went over to it meanwhile.
    """
    await require_current_schema(connection)
    dropped = [model for model in await list_models(connection) if not model.live]
    for model in dropped:
        await _drop(connection, model, patience)
    return dropped


async def _drop(connection: "asyncpg.Connection", model: Model, patience: float) -> None:
    async with migration_lock(connection), connection.transaction():
        before = await _unseen(connection, model)
        if before is None:
            return
        await change_state(connection, model.name, before.state, "dropping")
    if not await _projector_ended(connection, model, patience):
        await change_state(connection, model.name, "dropping", before.state)
        raise ConflictError(f"{model.name} is still being projected into; stop its replay first")
    try:
        async with migration_lock(connection), connection.transaction():
            await connection.execute(f"set local lock_timeout = {patience * 1000:.0f}")
            # another drop-old may have given up meanwhile, and set the state back
            found = await _unseen(connection, model)
            if found is None:
                return
            if found.state != "dropping":
                raise ConflictError(f"{model.name} is not dropped: another `tailrace drop-old` gave it up")
            # the table first: of a hypertable, a dropped schema alone leaves compressed chunks behind
            await connection.execute(f"drop table if exists {model.name}.analytics_events cascade")
            await connection.execute(f"drop schema if exists {model.name} cascade")
            await remove_model(connection, model.name)
    except asyncpg.LockNotAvailableError:
        await change_state(connection, model.name, "dropping", before.state)
        readers = await connection.fetchval(projection_sql("readers_of"), model.name) or "somebody's transaction"
        raise ConflictError(
            f"{model.name} is still being read: wait for {readers} to end (or end it), then `tailrace drop-old` again"
        ) from None
    finally:
        await connection.execute("select pg_advisory_unlock($1)", model.projector_lock)


async def _unseen(connection: "asyncpg.Connection", model: Model) -> Model | None:
    """A model to be dropped as it is now, locked; None where somebody else has dropped it."""
    found = await lock_model(connection, model.name)
    if found is not None and found.live:
        raise ConflictError(
            f"readers have just gone over to {model.name}, so it stays; `tailrace drop-old` again drops the other"
        )
    return found


def _choose(models: list[Model], direction: Direction) -> tuple[Model, Model]:
    live = live_of(models)
    if direction == "cutover":
        others = [model for model in models if model.number > live.number]
        missing = "there is no model beside the live one: `tailrace replay` makes one"
    else:
        others = [model for model in models if model.number < live.number]
        missing = f"there is no older model than {live.name}, the live one, to go back to"
    if not others:
        raise ConflictError(missing)
    _check_ready(others[-1])
    return live, others[-1]


def _check_ready(model: Model) -> None:
    if model.state == "dropping":
        raise ConflictError(model.half_dropped)
    if model.state != "ready":
        raise ConflictError(f"{model.name} is not finished: run `tailrace replay` again, it goes on")


async def _until_swapped(connection: "asyncpg.Connection", old: Model, new: Model) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            async with connection.transaction():
                await _swap(connection, old, new)
            return
        except NotSwappedError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise NotSwappedError(f"readers still see {old.name}: {reason} ({PATIENCE:g} s of trying)")
        await asyncio.sleep(_PAUSE)


async def _swap(connection: "asyncpg.Connection", old: Model, new: Model) -> None:
    await connection.execute(f"set local lock_timeout = {BATCH * 1000:.0f}")
    await _check_still(connection, old, new)
    held = await _hold_position(connection, old)
    deadline = time.monotonic() + CATCH_UP
    while _behind(await _position(connection, new), held):
        if time.monotonic() > deadline:
            raise NotSwappedError(f"{new.name} is behind {old.name}; is the projection service running?")
        await asyncio.sleep(_POLL)
    await _hold_position(connection, new)
    # whoever compares (position, revision) must never take the other model's state for one seen before
    await connection.execute(
        f"update {new.name}.projection_position set revision = greatest(revision, $1) + 1", held["revision"]
    )
    await set_live(connection, new.name)
    try:
        await show_model(connection, new, timeout=READERS_WAIT)
    except asyncpg.LockNotAvailableError:
        raise NotSwappedError("somebody's transaction reads the tables all the time") from None


async def _check_still(connection: "asyncpg.Connection", old: Model, new: Model) -> None:
    """What was chosen before the lock may have been dropped, or shown, since."""
    found = await lock_model(connection, new.name)
    if found is None:
        raise ConflictError(f"{new.name} was dropped meanwhile: readers still see what they saw")
    _check_ready(found)
    live = live_of(await list_models(connection))
    if live.name != old.name:
        raise ConflictError(f"readers went over to {live.name} meanwhile; `tailrace status` shows what there is now")


async def _hold_position(connection: "asyncpg.Connection", model: Model) -> Any:
    """Keeps a model where it is until the transaction's end, once the batch that is on its way has committed."""
    try:
        return await _position(connection, model, "for update")
    except asyncpg.LockNotAvailableError:
        raise NotSwappedError(
            f"a batch on its way into {model.name} takes longer than {BATCH:g} s; is the database very busy?"
        ) from None


def _behind(position: Any, held: Any) -> bool:
    if held["epoch"] not in ("", position["epoch"]):
        # the live model is of a log that was declared to be another one, and will never move again
        return bool(position["epoch"] == "")
    return bool(position["seq"] < held["seq"])


async def _position(connection: "asyncpg.Connection", model: Model, lock: str = "") -> Any:
    return await connection.fetchrow(f"select epoch, seq, revision from {model.name}.projection_position {lock}")


async def _projector_ended(connection: "asyncpg.Connection", model: Model, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not await connection.fetchval("select pg_try_advisory_lock($1)", model.projector_lock):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL)
    return True

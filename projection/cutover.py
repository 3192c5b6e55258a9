"""Cutover and rollback: one transaction switches readers to another model; ``drop_old`` removes the others.

The transaction locks the live model's position, so that it stays where it is while the other model catches up, then the
other model's position. Then it replaces the views, the position's view first. Every reader's transaction locks that
view (ACCESS SHARE) before it takes its snapshot: a cutover waits for earlier readers, later readers see the other model
at its current position, and no reader sees both.

Everything that is checked before the migration lock is checked again behind it: verifying and waiting take long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

import asyncpg

from contracts.errors import ConflictError, ForeignHistoryError, UnavailableError
from migrations.catalogue import Model, change_state, list_models, live_of, lock_model, remove_model, set_live
from migrations.runner import migration_lock, require_current_schema
from migrations.views import show_model
from projection.store import projection_sql
from runtime.log.client import LogClient

READERS_TIMEOUT = 0.1
"""Seconds that an attempt may hold up readers, for all views together: readers that wait for one wait for all."""
BATCH_TIMEOUT = 10.0
"""Seconds to wait for a batch that is being committed; it holds up no reader."""
CATCH_UP_TIMEOUT = 1.0
"""Seconds that an attempt holds the live model while the other one catches up."""
TIMEOUT = 60.0
"""Seconds of attempts."""
RETRY_INTERVAL = 0.2
POLL_INTERVAL = 0.02

Direction = Literal["cutover", "rollback"]
Verify = Callable[[Model], Awaitable[Sequence[str]]]
"""Compares a model with the log; returns the differences as sentences."""


class NotSwappedError(UnavailableError):
    """Readers still see the same model: try again."""


class Swap(NamedTuple):
    """The result of a cutover or rollback; with ``differences`` readers still see ``old``."""

    old: Model
    new: Model
    differences: Sequence[str] = ()


async def cut_over(
    client: LogClient, connection: "asyncpg.Connection", verify: Verify | None = None, *, lose: int = 0
) -> Swap:
    """Makes the candidate model the live one; with ``verify`` only if it agrees with the log.

    ``lose`` is how many events of the live model the candidate may lack.

    Raises:
        ConflictError: no candidate is ready, another command dropped it or made it live in the meantime, or it lacks
            more events than ``lose``.
        ForeignHistoryError: the model belongs to another log.
        NotSwappedError: the model stays behind the live one, or batches or readers block the swap.
    """
    return await _swap_models(client, connection, "cutover", verify, lose)


async def roll_back(client: LogClient, connection: "asyncpg.Connection", verify: Verify | None = None) -> Swap:
    """Makes the model before the live one live again; otherwise like ``cut_over``.

    One of an earlier generation is as it was when the program was upgraded, and is not verified.
    """
    return await _swap_models(client, connection, "rollback", verify)


async def drop_old(connection: "asyncpg.Connection", *, timeout: float = 15.0) -> list[Model]:
    """Drops every model but the live one. Stops its projector first.

    Waits at most ``timeout`` seconds for the projector, and as long for readers of the model; then it changes nothing.

    Raises:
        ConflictError: a projector or a reader still uses the model, or a cutover made it live in the meantime.
    """
    await require_current_schema(connection)
    dropped = [model for model in await list_models(connection) if not model.live]
    for model in dropped:
        await _drop(connection, model, timeout)
    return dropped


async def _drop(connection: "asyncpg.Connection", model: Model, timeout: float) -> None:
    async with migration_lock(connection), connection.transaction():
        before = await _lock_old(connection, model)
        if before is None:
            return
        await change_state(connection, model.name, before.state, "dropping")
    if not await projector_ended(connection, model.projector_lock, timeout):
        await change_state(connection, model.name, "dropping", before.state)
        raise ConflictError(f"{model.name} is still being projected into; stop its replay first")
    try:
        async with migration_lock(connection), connection.transaction():
            await connection.execute(f"set local lock_timeout = {timeout * 1000:.0f}")
            # another drop-old may have given up and reset the state
            found = await _lock_old(connection, model)
            if found is None:
                return
            if found.state != "dropping":
                raise ConflictError(f"{model.name} is not dropped: another `tailrace drop-old` gave it up")
            await drop_tables(connection, model)
    except asyncpg.LockNotAvailableError:
        await change_state(connection, model.name, "dropping", before.state)
        readers = await connection.fetchval(projection_sql("readers_of"), model.name) or "an open transaction"
        raise ConflictError(
            f"{model.name} is still being read: wait for {readers} to end (or end it), then `tailrace drop-old` again"
        ) from None
    finally:
        await connection.execute("select pg_advisory_unlock($1)", model.projector_lock)


async def drop_tables(connection: "asyncpg.Connection", model: Model) -> None:
    """Drops a model, and its ledger if nothing else uses it; call it in a transaction."""
    # the table first: dropping only the schema leaves a hypertable's compressed chunks behind
    await connection.execute(f"drop table if exists {model.name}.analytics_events cascade")
    await connection.execute(f"drop schema if exists {model.name} cascade")
    await remove_model(connection, model)


async def _lock_old(connection: "asyncpg.Connection", model: Model) -> Model | None:
    """Locks a model that is to be dropped and returns its current row; None if it was dropped in the meantime."""
    found = await lock_model(connection, model.name)
    if found is not None and found.live:
        raise ConflictError(
            f"{model.name} has just become the live model, so it stays; `tailrace drop-old` again drops the other"
        )
    return found


async def _swap_models(
    client: LogClient,
    connection: "asyncpg.Connection",
    direction: Direction,
    verify: Verify | None,
    lose: int | None = None,
) -> Swap:
    await require_current_schema(connection)
    old, new = _choose(await list_models(connection), direction)
    state = await client.state()
    epoch = await connection.fetchval(f"select epoch from {new.name}.projection_position")
    if epoch not in ("", state.epoch):
        raise ForeignHistoryError(f"{new.name} belongs to the log {epoch}, not to this one ({state.epoch})")
    if lose is not None and old.ledger != new.ledger:
        # a model of the first generation has a ledger of its own
        names = {"old": old.name, "new": new.name, "old_ledger": old.ledger or old.name, "new_ledger": new.ledger}
        _check_loss(old, new, await connection.fetchval(projection_sql("lost_ids").format(**names)), lose)
    if verify is not None and new.is_current and (differences := await verify(new)):
        return Swap(old, new, differences)
    async with migration_lock(connection):
        await swap_with_retries(
            connection,
            lambda: _swap(connection, old, new, lose),
            f"readers still see {old.name} after {TIMEOUT:g} s of attempts",
        )
    return Swap(old, new._replace(live=True))


def _choose(models: list[Model], direction: Direction) -> tuple[Model, Model]:
    live = live_of(models)
    if direction == "cutover":
        others = [model for model in models if model.number > live.number and model.is_current]
        missing = "there is no candidate model: `tailrace replay` builds one"
    else:
        others = [model for model in models if model.number < live.number]
        missing = f"there is no older model than {live.name}, the live one, to roll back to"
    if not others:
        raise ConflictError(missing)
    _check_ready(others[-1])
    return live, others[-1]


def _check_ready(model: Model) -> None:
    if model.state == "dropping":
        raise ConflictError(model.half_dropped)
    if model.state != "ready":
        raise ConflictError(f"{model.name} is not finished: run `tailrace replay` again to resume it")


async def swap_with_retries(
    connection: "asyncpg.Connection", swap: Callable[[], Awaitable[None]], blocked: str
) -> None:
    """Runs ``swap`` in a transaction, again while batches or readers block it; ``blocked`` starts the error's text.

    Raises:
        NotSwappedError: they still do after ``TIMEOUT`` seconds.
    """
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            async with connection.transaction():
                await swap()
            return
        except NotSwappedError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise NotSwappedError(f"{blocked}: {reason}")
        await asyncio.sleep(RETRY_INTERVAL)


async def _swap(connection: "asyncpg.Connection", old: Model, new: Model, lose: int | None) -> None:
    await connection.execute(f"set local lock_timeout = {BATCH_TIMEOUT * 1000:.0f}")
    await _check_again(connection, old, new)
    held = await lock_position(connection, old.name, old.name)
    if new.is_current:
        behind = f"{new.name} is behind {old.name}; is the projection service running?"
        await catch_up(connection, new.name, new.name, held, behind)
        if lose is not None and old.ledger == new.ledger:
            _check_loss(old, new, await _events(connection, old) - await _events(connection, new), lose)
    await set_live(connection, new.name)
    try:
        await show_model(connection, new, instead_of=old, timeout=READERS_TIMEOUT)
    except asyncpg.LockNotAvailableError:
        raise NotSwappedError("a transaction keeps reading the tables") from None


async def catch_up(connection: "asyncpg.Connection", schema: str, label: str, held: Any, behind: str) -> None:
    """Waits for a new model to reach ``held``, the locked position of the old one, and locks it there.

    Raises:
        NotSwappedError: it does not in ``CATCH_UP_TIMEOUT`` seconds (``behind``), or a batch blocks its position.
    """
    deadline = time.monotonic() + CATCH_UP_TIMEOUT
    while _behind(await _position(connection, schema), held):
        if time.monotonic() > deadline:
            raise NotSwappedError(behind)
        await asyncio.sleep(POLL_INTERVAL)
    await lock_position(connection, schema, label)
    # (position, revision) must not name a state of the new model that a reader has seen of the old one
    await connection.execute(
        f"update {schema}.projection_position set revision = greatest(revision, $1) + 1", held["revision"]
    )


async def _check_again(connection: "asyncpg.Connection", old: Model, new: Model) -> None:
    """Repeats the checks behind the migration lock."""
    found = await lock_model(connection, new.name)
    if found is None:
        raise ConflictError(f"{new.name} was dropped in the meantime: readers still see {old.name}")
    _check_ready(found)
    live = live_of(await list_models(connection))
    if live.name != old.name:
        raise ConflictError(
            f"{live.name} became the live model in the meantime; `tailrace status` shows the current models"
        )


async def lock_position(connection: "asyncpg.Connection", schema: str, label: str) -> Any:
    """Stops a model at its position until the transaction ends, after the batch that is being committed.

    Raises:
        NotSwappedError: the batch takes longer than ``BATCH_TIMEOUT`` seconds, which the transaction has to set.
    """
    try:
        return await _position(connection, schema, "for update")
    except asyncpg.LockNotAvailableError:
        raise NotSwappedError(
            f"a batch for {label} takes longer than {BATCH_TIMEOUT:g} s to commit; is the database very busy?"
        ) from None


def _check_loss(old: Model, new: Model, lost: int, lose: int) -> None:
    if lost > lose:
        raise ConflictError(
            f"{new.name} lacks {lost:,} events of {old.name}, which readers see: restore what the log lost and replay "
            f"again, or accept the loss with `tailrace cutover --lose {lost}`"
        )


async def _events(connection: "asyncpg.Connection", model: Model) -> int:
    events = await connection.fetchval(f"select events from {model.name}.all_time where event_type = ''")
    return int(events or 0)


def _behind(position: Any, held: Any) -> bool:
    if held["epoch"] not in ("", position["epoch"]):
        # the live model belongs to an earlier epoch of the log and never moves again
        return bool(position["epoch"] == "")
    return bool(position["seq"] < held["seq"])


async def _position(connection: "asyncpg.Connection", schema: str, lock: str = "") -> Any:
    return await connection.fetchrow(f"select epoch, seq, revision from {schema}.projection_position {lock}")


async def projector_ended(connection: "asyncpg.Connection", projector_lock: int, timeout: float) -> bool:
    """Takes a model's projector lock; returns False if a projector still holds it after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not await connection.fetchval("select pg_try_advisory_lock($1)", projector_lock):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_INTERVAL)
    return True

"""Replay: projects the log from its first entry into a candidate model or into another database."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import LogState
from contracts.errors import ConflictError, LostEntriesError
from migrations.bootstrap import ensure_database
from migrations.catalogue import Model, change_state, get_live_model, list_models, use_model
from migrations.generations import require_current
from migrations.runner import ensure_candidate
from migrations.upcasters import load_upcasters
from projection.maintenance import Maintenance
from projection.projector import Observer
from projection.store import Store
from projection.worker import project
from runtime.log.client import LogClient
from runtime.log.positions import last_entry_until, verify_position
from runtime.postgres import connected
from runtime.settings import Settings


class Step(NamedTuple):
    """The progress of a replay: the model, its position, and the last sequence."""

    model: str
    position: Cursor
    end: int

    @property
    def finished(self) -> bool:
        """Whether the model is at the end."""
        return self.position.seq >= self.end


async def replay(
    client: LogClient,
    settings: Settings,
    stop: asyncio.Event,
    *,
    candidate: bool = False,
    until: Cursor | None = None,
    partial: bool = False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Step:
    """Projects the log up to ``until``, or up to its current end, into the database that ``settings`` name.

    Creates the database if it is missing; with ``candidate`` it builds a candidate model in an existing one. An
    interrupted replay resumes. A candidate that reaches the log's end is ready: the projection service keeps projecting
    it. ``partial`` accepts a log whose beginning is gone.

    Raises:
        ConfigurationError: the database can't be created or used.
        ConflictError: a projector is active on the model, or the model is beyond ``until`` or was dropped.
        ForeignHistoryError: ``until`` or the model belongs to another log.
        LostEntriesError: the log's beginning is gone.
        TailraceError: an operator has to decide; the message says what.
    """
    upcasters = load_upcasters(settings)
    if not candidate:
        await ensure_database(settings)
    async with connected(settings.dsn, name="replay") as connection:
        state = await client.state() if until is None else await verify_position(client, until)
        missing = _count_missing(state)
        if missing and not partial and not await _has_begun(connection, candidate=candidate):
            raise LostEntriesError(
                1,
                missing,
                f"the log begins at sequence {state.first_seq}: a replay can't count the entries before; "
                "--partial replays from there",
            )
        if candidate:
            model = await ensure_candidate(connection, settings, state.epoch, missing + 1, state.gaps)
        else:
            model = await get_live_model(connection)
            require_current(model)
        if missing:
            await _begin_behind(connection, model, state.epoch, missing)
        end = state.last_seq if until is None else await last_entry_until(client, until.seq, state)
        await _check_position(client, connection, model, None if until is None else end, candidate=candidate)
        last = Step(model.name, Cursor(state.epoch, 0), end)

        class Steps(Observer):
            def at(self, position: Cursor) -> None:
                nonlocal last
                last = last._replace(position=position)
                on_step(last)

        await project(client, settings, upcasters, model, stop, replay_to=last.end, observer=Steps())
        if last.finished:
            await _finish(connection, model, ready=candidate and until is None)
        elif not stop.is_set():
            raise _dropped(model)
        return last


async def _finish(connection: "asyncpg.Connection", model: Model, *, ready: bool) -> None:
    """Finishes the model. The projector's lock is free, so `drop-old` may drop the model at any time."""
    try:
        await use_model(connection, model)
        await Store(connection, model).merge()
        if model.flavour == "timescale":
            await Maintenance(connection, model).refresh()
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise _dropped(model) from None
    if ready and not await change_state(connection, model.name, "building", "ready"):
        raise _dropped(model)


def _dropped(model: Model) -> ConflictError:
    return ConflictError(
        f"{model.name} was dropped in the meantime (`tailrace drop-old`): `tailrace replay` builds another"
    )


async def _check_position(
    client: LogClient, connection: "asyncpg.Connection", model: Model, until: int | None, *, candidate: bool
) -> None:
    """Checks that the model is not beyond ``until`` and belongs to this log."""
    found = await connection.fetchrow(f"select epoch, seq, fingerprint from {model.name}.projection_position")
    position = Cursor(*found)
    if not position.epoch:
        return
    await verify_position(client, position)
    if until is not None and position.seq > until:
        advice = "`tailrace drop-old`, then replay again" if candidate else "replay into another database"
        raise ConflictError(f"{model.name} is at {position}, already beyond log entry {until}: {advice}")


def _count_missing(state: LogState) -> int:
    """Returns the number of entries before the log's first one, unless they are recorded as lost."""
    missing = state.first_seq - 1
    recorded = any(gap.first == 1 and gap.last >= missing for gap in state.gaps)
    return 0 if missing < 1 or recorded else missing


async def _has_begun(connection: "asyncpg.Connection", *, candidate: bool) -> bool:
    models = await list_models(connection)
    if not models or (candidate and (models[-1].live or not models[-1].is_current)):
        return False
    return bool(await connection.fetchval(f"select epoch <> '' from {models[-1].name}.projection_position"))


async def _begin_behind(connection: "asyncpg.Connection", model: Model, epoch: str, missing: int) -> None:
    """Stores the first entry of a partial replay, unless it was stored before."""
    for position in (f"{model.ledger}.ledger_position", f"{model.name}.projection_position"):
        await connection.execute(
            f"update {position} set epoch = $1, seq = $2, log_from = $3 where epoch = ''", epoch, missing, missing + 1
        )

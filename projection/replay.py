"""Replay: the live projector's code from the log's first entry, into another database or a model beside the live."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import LogState
from contracts.errors import ConflictError, LogHoleError
from migrations.bootstrap import ensure_database
from migrations.catalogue import Model, change_state, get_live_model
from migrations.runner import ensure_candidate
from migrations.upcasters import load_upcasters
from projection.observing import Observer
from projection.projecting import project
from projection.upkeep import Upkeep
from runtime.log.client import LogClient
from runtime.log.positions import last_entry_until, verify_position
from runtime.postgres import connect
from runtime.settings import Settings


class Step(NamedTuple):
    """How far a replay is: the model, its position, and the sequence it ends at."""

    model: str
    position: Cursor
    end: int

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.position.seq >= self.end


async def replay(
    client: LogClient,
    settings: Settings,
    stop: asyncio.Event,
    *,
    beside: bool = False,
    until: Cursor | None = None,
    partial: bool = False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Step:
    """Projects the log up to ``until``, or where it ends now, into the database that ``settings`` name.

    The database is made if it isn't there; with ``beside`` it has a live model, and another one is made. A replay that
    was interrupted is gone on with. A model beside that has come to the log's end is ready: from then on the projection
    service keeps it up to date. ``partial`` allows for a log whose beginning is gone.

    Raises:
        ConfigurationError: the database can't be made or used.
        ConflictError: a projector is active on the model, the model is beyond ``until``, or it was dropped meanwhile.
        ForeignHistoryError: ``until``, or what the model holds, is of another log.
        LogHoleError: the log's beginning is gone.
        TailraceError: a person has to decide; the message says what.
    """
    upcasters = load_upcasters(settings)
    if not beside:
        await ensure_database(settings)
    connection = await connect(settings.dsn, name="replay")
    try:
        model = await (ensure_candidate(connection, settings) if beside else get_live_model(connection))
        state = await client.state() if until is None else await verify_position(client, until)
        await _check_beginning(connection, model, state, partial=partial)
        end = state.last_seq if until is None else await last_entry_until(client, until.seq, state)
        await _check_position(client, connection, model, None if until is None else end, beside=beside)
        last = Step(model.name, Cursor(state.epoch, 0), end)

        class Steps(Observer):
            def at(self, position: Cursor) -> None:
                nonlocal last
                last = last._replace(position=position)
                on_step(last)

        await project(client, settings, upcasters, model, stop, replay_to=last.end, observer=Steps())
        if last.finished:
            await _finish(connection, model, ready=beside and until is None)
        elif not stop.is_set():
            raise _dropped(model)
        return last
    finally:
        await connection.close(timeout=2)


async def _finish(connection: "asyncpg.Connection", model: Model, *, ready: bool) -> None:
    """Nobody holds the projector's lock any more, so the model may be dropped at any moment."""
    try:
        if model.flavour == "timescale":
            await Upkeep(connection, model).refresh()
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise _dropped(model) from None
    if ready and not await change_state(connection, model.name, "building", "ready"):
        raise _dropped(model)


def _dropped(model: Model) -> ConflictError:
    return ConflictError(f"{model.name} was dropped meanwhile (`tailrace drop-old`): `tailrace replay` makes another")


async def _check_position(
    client: LogClient, connection: "asyncpg.Connection", model: Model, until: int | None, *, beside: bool
) -> None:
    """A model never goes back, and one of another log never goes on."""
    found = await connection.fetchrow(f"select epoch, seq, fingerprint from {model.name}.projection_position")
    position = Cursor(*found)
    if not position.epoch:
        return
    await verify_position(client, position)
    if until is not None and position.seq > until:
        anew = "`tailrace drop-old` removes it, a replay makes another" if beside else "replay into another database"
        raise ConflictError(f"{model.name} is at {position}, beyond log entry {until}, and never goes back: {anew}")


async def _check_beginning(connection: "asyncpg.Connection", model: Model, state: LogState, *, partial: bool) -> None:
    """A replay counts from the log's first entry; one that can't has to be asked for, and notes where it began."""
    position = f"{model.name}.projection_position"
    begun = await connection.fetchval(f"select epoch <> '' from {position}")
    gone = state.first_seq - 1
    if begun or gone < 1 or any(gap.first == 1 and gap.last >= gone for gap in state.gaps):
        return
    if not partial:
        raise LogHoleError(
            1,
            gone,
            f"the log begins at sequence {state.first_seq}: what was before is gone, so a replay can't count it; "
            "--partial replays from there",
        )
    await connection.execute(
        f"update {position} set epoch = $1, seq = $2, log_from = $3 where epoch = ''",
        state.epoch,
        gone,
        state.first_seq,
    )

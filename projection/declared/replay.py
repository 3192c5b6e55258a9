"""Replay of one declared projection: builds its new version, or its present one again."""

import asyncio
from collections.abc import Callable

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError, ConflictError, TailraceError
from migrations.catalogue import list_models
from migrations.generations import current_model
from migrations.projections import DeclaredModel, State, add_projection, change_projection, list_projections
from migrations.runner import migration_lock, require_current_schema
from migrations.upcasters import load_upcasters
from projection.cutover import projector_ended
from projection.declared.cutover import Builds
from projection.declared.loading import load_projections
from projection.declared.registry import register
from projection.declared.source import LedgerView, Source
from projection.declared.tables import create_tables
from projection.declared.work import Work, make_member
from projection.replay import Step
from runtime.log.client import LogClient
from runtime.postgres import close, connect, connected
from runtime.settings import Settings
from runtime.supervise import sleep_until_stop

FOLLOW_INTERVAL = 0.2
LOCK_TIMEOUT = 5.0


async def replay_projection(
    client: LogClient,
    settings: Settings,
    stop: asyncio.Event,
    name: str,
    *,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Step:
    """Builds the newest version of a projection up to the ledger's present end.

    If the worker of projections is building it already, this only follows its progress. An interrupted build resumes.

    Raises:
        ConfigurationError: the projection's file can't be used.
        ConflictError: there is no such projection, or its newest build is finished and not shown yet.
        TailraceError: the build failed.
    """
    async with connected(settings.dsn, name="replay") as connection:
        await require_current_schema(connection)
        loaded = load_projections(settings)
        refused = await register(connection, loaded)
        if name in refused:
            raise ConfigurationError(refused[name])
        model = await _candidate(connection, name, loaded.problems)
        locked = await connection.fetchval("select pg_try_advisory_lock($1)", model.projector_lock)
        build = _build if locked else _follow
        return await build(client, connection, settings, model, stop, on_step)


async def build_to(
    client: LogClient,
    settings: Settings,
    model: DeclaredModel,
    end: Cursor | None,
    stop: asyncio.Event,
    on_step: Callable[[Step], None],
) -> Step:
    """Projects a build whose lock the caller holds up to ``end``, by default the ledger's present end.

    Raises:
        ConflictError: the build belongs to another epoch of the log.
        TailraceError, asyncpg.PostgresError: the projection can't be built.
    """
    upcasters = load_upcasters(settings)
    state = await client.state()
    work = await Work.open(settings, model.ledger)
    reading = await connect(settings.dsn, name="replay", search_path=model.ledger)
    try:
        ledger = LedgerView(reading)
        until = await ledger.position() if end is None else end
        member = make_member(model, work, settings, share=settings.replay_share)
        position = await member.position(state.epoch)
        last = Step(str(model), position, until.seq)

        def step(position: Cursor) -> None:
            nonlocal last
            last = last._replace(position=position)
            on_step(last)

        source = Source(client, position, ledger, upcasters, member.subjects, until)
        try:
            await member.build(source, until.seq, stop, step)
        finally:
            await source.close()
        return last
    finally:
        await close(reading)
        await work.close()


async def finish_orphan(
    client: LogClient, settings: Settings, connection: "asyncpg.Connection", builds: Builds
) -> None:
    """Projects a build whose class is gone to the live build's position, before a swap; no worker does.

    Raises:
        ConflictError: another command projects it, or it belongs to another epoch of the log.
        TailraceError, asyncpg.PostgresError: it can't be built.
    """
    if builds.old is None or builds.new.state != "orphaned":
        return
    if not await projector_ended(connection, builds.new.projector_lock, LOCK_TIMEOUT):
        raise ConflictError(f"{builds.new} is still being projected into")
    try:
        end = await connection.fetchrow(f"select epoch, seq, fingerprint from {builds.old.schema}.projection_position")
        await build_to(client, settings, builds.new, Cursor(*end), asyncio.Event(), lambda step: None)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", builds.new.projector_lock)


async def _build(
    client: LogClient,
    connection: "asyncpg.Connection",
    settings: Settings,
    model: DeclaredModel,
    stop: asyncio.Event,
    on_step: Callable[[Step], None],
) -> Step:
    await change_projection(connection, model)
    try:
        last = await build_to(client, settings, model, None, stop, on_step)
    except TailraceError as error:
        await change_projection(connection, model, error=str(error))
        raise
    if last.finished and not await change_projection(connection, model, state="ready"):
        raise ConflictError(f"{model} was dropped in the meantime")
    return last


async def _follow(
    client: LogClient,
    connection: "asyncpg.Connection",
    settings: Settings,
    model: DeclaredModel,
    stop: asyncio.Event,
    on_step: Callable[[Step], None],
) -> Step:
    """Shows the progress of the worker that builds the projection."""
    end = await connection.fetchval(f"select seq from {model.ledger}.ledger_position")
    last = Step(str(model), Cursor("", 0), end)
    while not stop.is_set():
        row = await connection.fetchrow(f"select epoch, seq, fingerprint from {model.schema}.projection_position")
        last = last._replace(position=Cursor(*row))
        on_step(last)
        found = next(
            (one for one in await list_projections(connection, model.name) if one.number == model.number), None
        )
        if found is None or found.state == "dropping":
            raise ConflictError(f"{model} was dropped in the meantime")
        if found.error is not None:
            raise TailraceError(f"{model} has failed: {found.error}")
        if found.state == "ready" and last.finished:
            break
        await sleep_until_stop(stop, FOLLOW_INTERVAL)
    return last


async def _candidate(connection: "asyncpg.Connection", name: str, problems: list[str]) -> DeclaredModel:
    """Returns the build to work on: the newest unfinished one, or a new one of the newest version."""
    async with migration_lock(connection):
        builds = [model for model in await list_projections(connection, name) if model.state != "dropping"]
        if not builds:
            raise ConflictError("; ".join([f"there is no projection {name}", *problems]))
        newest = builds[-1]
        if newest.state == "building" or (newest.error is not None and not newest.live):
            return newest
        if newest.state == "ready" and not newest.live and any(model.live for model in builds):
            raise ConflictError(
                f"{newest} is built: `tailrace cutover {name}` shows it, `tailrace drop-old {name}` removes it"
            )
        return await rebuild(connection, newest)


async def rebuild(
    connection: "asyncpg.Connection", model: DeclaredModel, ledger: str | None = None, state: State = "building"
) -> DeclaredModel:
    """Adds another build of the same definition, with its tables, by default on the live model's ledger."""
    ledger = ledger or current_model(await list_models(connection)).ledger
    async with connection.transaction():
        added = await add_projection(
            connection, model.name, model.version, model.kind, model.definition, model.sources, ledger, state
        )
        await create_tables(connection, added)
    return added

"""The worker of declared projections: one process, one read of the log, a position per projection."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError, TailraceError
from contracts.upcasting import Upcasters
from migrations.catalogue import list_models
from migrations.generations import current_model
from migrations.projections import WORKER, DeclaredModel, change_projection, list_projections
from migrations.runner import require_current_schema
from migrations.upcasters import load_upcasters
from projection.declared.cutover import Builds, swap
from projection.declared.feed import Feed
from projection.declared.group import Group, shared_subjects
from projection.declared.loading import load_projections
from projection.declared.member import Member
from projection.declared.registry import register
from projection.declared.source import LedgerView, Source
from projection.declared.work import TRANSIENT, Work, make_member
from projection.store import PositionMovedError
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.postgres import DatabaseUnavailableError, close, connect, connected
from runtime.settings import Settings
from runtime.supervise import Outage, retry, stop_on_signals

CONNECTIONS = 4
"""Connections that work; each projection always uses the same one, where its statements are prepared."""
CATALOGUE_INTERVAL = 1.0
STATEMENT_TIMEOUT = 30.0
"""Seconds that a statement besides the batches may take: a database that hangs looks like a slow one."""
IDLE_TIMEOUT = 60.0
"""Seconds after which the server gives up the locks of a worker that it has lost; a live one never waits as long."""

logger = logging.getLogger("tailrace.projections")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Projects the declared projections until SIGINT or SIGTERM (or ``stop``), through outages.

    Raises:
        ConfigurationError: the upcasters can't be loaded, or the log or the database refuses the connection.
        ForeignHistoryError, LostEntriesError: an operator has to decide.
    """
    stop = stop or stop_on_signals()
    upcasters = load_upcasters(settings)
    loaded = load_projections(settings)
    async with await connect_log(settings, "projection") as client:
        registered = False

        async def once() -> None:
            nonlocal registered
            async with AsyncExitStack() as ending:
                worker = _Worker(client, settings, upcasters)
                await worker.open(ending)
                if not registered:
                    refused = await register(worker.catalogue, loaded, rebuild=settings.projections_dev)
                    for problem in (*loaded.problems, *refused.values()):
                        logger.error("%s", problem)
                    await worker.clear_errors()
                    registered = True
                await worker.run(stop)

        outage = Outage(logger, "the projections wait", "the projections continue")
        await retry(once, stop, on=(PositionMovedError, LogUnavailableError, *TRANSIENT), outage=outage)


class _Running(NamedTuple):
    stop: asyncio.Event
    task: "asyncio.Task[None]"
    lock: int


class _Worker:
    """All work of one life of the connections."""

    def __init__(self, client: LogClient, settings: Settings, upcasters: Upcasters) -> None:
        self._client = client
        self._settings = settings
        self._upcasters = upcasters
        self._works: list[Work] = []
        self._running: dict[int, _Running] = {}

    async def open(self, ending: AsyncExitStack) -> None:
        """Opens the connections; ``ending`` closes them."""

        # the connection of the catalogue holds all locks
        self.catalogue = await self._connect(WORKER, idle=IDLE_TIMEOUT)
        ending.push_async_callback(close, self.catalogue)
        await require_current_schema(self.catalogue)
        ledger = current_model(await list_models(self.catalogue)).ledger
        self._reading = await self._connect("projections-ledger", search_path=ledger)
        ending.push_async_callback(close, self._reading)
        self._ledger = LedgerView(self._reading)
        for _ in range(CONNECTIONS):
            self._works.append(await Work.open(self._settings, ledger))
            ending.push_async_callback(self._works[-1].close)

    async def _connect(
        self, name: str, *, idle: float | None = None, search_path: str = "public"
    ) -> "asyncpg.Connection":
        limit = STATEMENT_TIMEOUT
        return await connect(self._settings.dsn, name=name, limit=limit, idle=idle, search_path=search_path)

    async def clear_errors(self) -> None:
        """Lets failed projections try again: a restart continues them."""
        for model in await list_projections(self.catalogue):
            if model.error is not None:
                await change_projection(self.catalogue, model)

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the members that the catalogue has until ``stop`` is set; raises what the feed raises."""
        state = await self._client.state()
        start = await self._start(state.epoch)
        feed = Feed(self._open_source(start, []), self._settings.batch_size)
        stopping = asyncio.create_task(stop.wait())
        reading = asyncio.create_task(feed.run(stop))
        try:
            while not stop.is_set():
                await self._reconcile(feed, state.epoch)
                await asyncio.wait([stopping, reading], timeout=CATALOGUE_INTERVAL, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
        except BaseException:
            # all is opened again, and statements on a connection that is half open would never end
            for connection in (self._reading, *(work.connection for work in self._works)):
                connection.terminate()
            raise
        finally:
            stopping.cancel()
            reading.cancel()
            for one in self._running.values():
                one.stop.set()
            feed.wake()
            tasks = [one.task for one in self._running.values()]
            await asyncio.gather(reading, stopping, *tasks, return_exceptions=True)
            with suppress(TailraceError):
                await feed.close()

    async def _start(self, epoch: str) -> Cursor:
        """Returns the position of the projection that is furthest; the ledger's if none is ready."""
        found = []
        for model in await list_projections(self.catalogue):
            if model.state == "ready":
                position = await self.catalogue.fetchrow(
                    f"select epoch, seq, fingerprint from {model.schema}.projection_position"
                )
                found.append(Cursor(*position))
        found = [position for position in found if position.epoch == epoch]
        if found:
            return max(found, key=lambda position: position.seq)
        ledger = await self._ledger.position()
        return ledger if ledger.epoch == epoch else Cursor(epoch, 0)

    def _open_source(self, position: Cursor, subjects: list[str]) -> Source:
        return Source(self._client, position, self._ledger, self._upcasters, subjects)

    async def _reconcile(self, feed: Feed, epoch: str) -> None:
        """Starts and stops members to match the catalogue.

        Raises:
            DatabaseUnavailableError: a connection was lost; all have to be opened again.
        """
        if any(work.connection.is_closed() for work in self._works):
            raise DatabaseUnavailableError("a connection to the database was lost")
        models = {
            model.number: model
            for model in await list_projections(self.catalogue)
            if model.state in ("building", "ready") and model.error is None
        }
        for number, running in list(self._running.items()):
            if number not in models or running.task.done():
                del self._running[number]
                running.stop.set()
                feed.wake()
                await asyncio.wait([running.task])
                await self.catalogue.execute("select pg_advisory_unlock($1)", running.lock)
        started: list[Member] = []
        for number, model in models.items():
            # another worker, or a replay, may have the lock
            if number not in self._running and await self.catalogue.fetchval(
                "select pg_try_advisory_lock($1)", model.projector_lock
            ):
                member = await self._make_member(model)
                if member is None:
                    await self.catalogue.execute("select pg_advisory_unlock($1)", model.projector_lock)
                else:
                    started.append(member)
        await self._group(started, feed, epoch)
        for member in started:
            model, stop = member.model, asyncio.Event()
            task = asyncio.create_task(self._project(member, feed, epoch, stop), name=model.schema)
            self._running[model.number] = _Running(stop, task, model.projector_lock)

    async def _make_member(self, model: DeclaredModel) -> Member | None:
        """Returns what projects a build; None if its stored code does not load, which makes it failed."""
        share = self._settings.replay_share if model.state == "building" else 1.0
        try:
            return make_member(model, self._works[model.number % CONNECTIONS], self._settings, share=share)
        except Exception as error:  # users' code can raise anything
            await self._fail(model, error)
            return None

    async def _group(self, started: list[Member], feed: Feed, epoch: str) -> None:
        """Lets those that start at the same position read together."""
        positions: dict[Cursor, list[Member]] = {}
        for member in started:
            row = await self.catalogue.fetchrow(
                f"select epoch, seq, fingerprint from {member.model.schema}.projection_position"
            )
            position = Cursor(row["epoch"] or epoch, row["seq"], row["fingerprint"])
            if position.epoch == epoch and not feed.covers(position.seq):
                positions.setdefault(position, []).append(member)
        for position, members in positions.items():
            if len(members) > 1:
                subjects = shared_subjects(member.subjects for member in members)
                group = Group(self._open_source(position, subjects), self._settings.batch_size, members)
                for member in members:
                    member.group = group

    async def _project(self, member: Member, feed: Feed, epoch: str, stop: asyncio.Event) -> None:
        """Projects one projection until ``stop`` is set or it fails; its errors harm no other."""
        model = member.model
        try:

            async def once() -> None:
                try:
                    await member.position(epoch)
                    await member.follow(feed, self._open_source, stop, partial(self._caught_up, model))
                except TimeoutError:
                    self._works[
                        model.number % CONNECTIONS
                    ].connection.terminate()  # it may be half open, and then never answers
                    raise

            outage = Outage(logger, f"{model} waits")
            await retry(once, stop, on=(PositionMovedError, LogUnavailableError, *TRANSIENT), outage=outage)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # users' code can raise anything
            await self._fail(model, error)
        finally:
            if member.group is not None:
                member.group.leave(member)

    async def _fail(self, model: DeclaredModel, error: Exception) -> None:
        if isinstance(error, TailraceError | asyncpg.PostgresError):
            logger.error("%s has failed: %s", model, error)
        else:
            logger.error("%s has failed", model, exc_info=error)
        message = str(error) if isinstance(error, TailraceError) else f"{type(error).__name__}: {error}"
        await self._change(model, error=message)

    async def _caught_up(self, model: DeclaredModel) -> None:
        """Notes that a build is ready; the first build of a name is shown at once, and in development each."""
        await self._change(model, state="ready")
        async with connected(self._settings.dsn, name="projections-cutover", limit=STATEMENT_TIMEOUT) as connection:
            builds = await list_projections(connection, model.name)
            found = next((one for one in builds if one.number == model.number), None)
            live = next((one for one in builds if one.live), None)
            newest = found is not None and found.number == builds[-1].number
            if found is not None and (live is None or (self._settings.projections_dev and newest and not found.live)):
                await swap(connection, Builds(live, found))
                logger.info("readers now see %s", model)

    async def _change(self, model: DeclaredModel, *, state: str | None = None, error: str | None = None) -> None:
        async with connected(self._settings.dsn, name="projections-state", limit=STATEMENT_TIMEOUT) as connection:
            await change_projection(connection, model, state=state, error=error)  # type: ignore[arg-type]

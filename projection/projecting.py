"""Keeping one model up to date, through outages of the log and the database; only one projector at a time is active."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from contracts.errors import ConflictError, LogUnavailableError
from contracts.upcasting import Upcasters
from migrations.catalogue import Model, list_models, use_model
from migrations.runner import require_current_schema
from projection.guard import ParkedGuard
from projection.observing import Observer
from projection.projector import Projector
from projection.store import PositionMovedError, Store
from projection.upkeep import keep_up
from runtime.log.client import LogClient
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, connect
from runtime.settings import Settings
from runtime.supervise import sleep_until_stop

STANDBY_POLL = 0.5
"""Seconds between a standby's looks at the lock: about how long a take-over takes."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

logger = logging.getLogger("tailrace.projection")


async def project(
    client: LogClient,
    settings: Settings,
    upcasters: Upcasters,
    model: Model,
    stop: asyncio.Event,
    *,
    replay_to: int | None = None,
    observer: Observer,
) -> None:
    """Projects until ``stop`` is set, or the model is dropped.

    A replay gives the log entry it ends at (``replay_to``): it does not stand by, takes no more than its share of the
    machine, and leaves the model's upkeep for its end.

    Raises:
        ConflictError: a replay meets an active projector.
        TailraceError: a person has to decide; the message says what.
    """

    async def once() -> None:
        # not to wait for the disk: a crash of the server takes the position back together with what it counts
        connection = await connect(settings.dsn, name="projection", synchronous_commit="off")
        try:
            if not await acquire(connection, model, stop, standby=replay_to is None, observer=observer):
                return
            observer.active()
            projector = Projector(
                client,
                Store(connection, model),
                upcasters,
                batch_size=settings.batch_size,
                guard=ParkedGuard(settings.parked_stop_ratio, settings.parked_stop_minimum),
                until=replay_to,
                share=1.0 if replay_to is None else settings.replay_share,
                observer=observer,
            )
            if replay_to is None:
                await _with_upkeep(projector, settings, model, stop)
            else:
                await projector.run(stop)
        finally:
            observer.ended()
            await connection.close(timeout=2)

    await _through_outages(once, stop)


async def acquire(
    connection: "asyncpg.Connection", model: Model, stop: asyncio.Event, *, standby: bool, observer: Observer
) -> bool:
    """Makes this connection the model's projector's; False when told to stop before, or the model is dropped.

    The lock lives and dies with the connection that projects: losing one is losing the other.

    Raises:
        ConflictError: another one is active, and this one may not stand by.
        SchemaError: this program doesn't know the database's schema.
    """
    await require_current_schema(connection)
    await use_model(connection, model)
    said = False
    while not stop.is_set():
        known = {one.name: one for one in await list_models(connection)}
        if model.name not in known or known[model.name].state == "dropping":
            return False
        if await connection.fetchval("select pg_try_advisory_lock($1)", model.projector_lock):
            return True
        if not standby:
            raise ConflictError(
                f"a projector is active on {model.name} of that database: a replay needs a model of its own"
            )
        if not said:
            logger.info("standing by: another projector is active on %s", model.name)
            observer.standing_by()
            said = True
        await sleep_until_stop(stop, STANDBY_POLL)
    return False


async def _with_upkeep(projector: Projector, settings: Settings, model: Model, stop: asyncio.Event) -> None:
    """The two end together: a model whose upkeep has died would count ever less of what comes late, and say nothing."""
    running = asyncio.create_task(projector.run(stop))
    upkeep = asyncio.create_task(keep_up(settings, model))
    try:
        await asyncio.wait([running, upkeep], return_when=asyncio.FIRST_COMPLETED)
        if upkeep.done():
            upkeep.result()  # the postgres flavour's ends at once, in good order
        await running
    finally:
        for task in (running, upkeep):
            task.cancel()
        await asyncio.wait([running, upkeep])


async def _through_outages(once: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    delay = FIRST_PAUSE
    said = ""
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await once()
            return
        except PositionMovedError as error:
            logger.info("%s; reading it again", error)
        except (LogUnavailableError, DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            # what an event's content causes was parked: all that is left comes from the surroundings and may pass
            if str(error) != said:
                logger.warning("waiting: %s", error or type(error).__name__)
            said = str(error)
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE:
            delay, said = FIRST_PAUSE, ""
        await sleep_until_stop(stop, delay)
        delay = min(delay * 2, LONGEST_PAUSE)

"""Projects one model through outages of the log and the database. Only one projector per model is active at a time."""

import asyncio
import gc
import logging
from contextlib import suppress
from functools import partial

import asyncpg

from contracts.errors import ConflictError, LogUnavailableError, TailraceError
from contracts.upcasting import Upcasters
from migrations.catalogue import Model, list_models, use_model
from migrations.generations import require_current
from migrations.pipeline import record_projector_error
from migrations.runner import require_current_schema
from projection.maintenance import maintain
from projection.parked_limit import ParkedLimit
from projection.projector import Observer, Projector
from projection.store import PositionMovedError, Store
from runtime.log.client import LogClient
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, as_sentence, close, connect, connected
from runtime.settings import Settings
from runtime.supervise import Outage, retry, sleep_until_stop

STANDBY_INTERVAL = 0.5
"""Seconds between a standby's attempts to get the lock: about the duration of a failover."""
STATEMENT_TIMEOUT = 30.0
"""Seconds that a statement of a batch may take: a database that hangs looks like a slow one."""
IDLE_TIMEOUT = 60.0
"""Seconds after which the server gives up the lock of a projector that it has lost; a live one is never idle."""
FIRST_DELAY = 0.2
LONGEST_DELAY = 1.0
"""Seconds between tries."""
COLLECT_AFTER = 50_000
"""New objects after which Python searches for garbage in cycles. A batch makes thousands of objects, but no cycles: by
default, the searches take a tenth of the projector's time."""

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
    """Projects until ``stop`` is set or the model is dropped.

    A replay passes its last log entry (``replay_to``): it does not stand by, uses only its share of the machine, and
    runs no maintenance until its end.

    Raises:
        ConflictError: a replay finds an active projector.
        TailraceError: an operator has to decide; the message says what.
    """

    gc.set_threshold(COLLECT_AFTER)
    outage = Outage(logger, f"{model.name} waits", recovered=f"{model.name} is projected again")

    # no wait for the disk: a server crash loses the position together with the counts
    opened = partial(connect, settings.dsn, limit=STATEMENT_TIMEOUT, synchronous_commit="off")

    def progressed() -> None:
        outage.end()
        observer.waits(None)

    async def once() -> None:
        # a replay rests between its batches
        connection = await opened(name="projection", idle=IDLE_TIMEOUT if replay_to is None else None)
        spare = None
        try:
            if not await acquire(connection, model, stop, standby=replay_to is None, observer=observer):
                return
            observer.active()
            spare = await opened(name="projection-ahead", idle_in_transaction_session_timeout=f"{IDLE_TIMEOUT:g}s")
            await use_model(spare, model)
            projector = Projector(
                client,
                Store(connection, model, spare),
                upcasters,
                batch_size=settings.batch_size,
                limit=ParkedLimit(settings.parked_stop_ratio, settings.parked_stop_minimum),
                until=replay_to,
                share=1.0 if replay_to is None else settings.replay_share,
                observer=observer,
                on_progress=progressed,
            )
            if replay_to is None:
                await _with_maintenance(projector, settings, model, stop)
            else:
                await projector.run(stop)
        finally:
            observer.ended()
            await close(connection)
            if spare is not None:
                await close(spare)

    async def recorded() -> None:
        try:
            await once()
        except TimeoutError:
            sentence = f"the database did not answer within {STATEMENT_TIMEOUT:g} s"
            raise DatabaseUnavailableError(sentence) from None
        except (TailraceError, asyncpg.PostgresError) as error:
            if isinstance(error, asyncpg.PostgresError):
                observer.waits(str(as_sentence(error) or error))  # a full disk does not let it be recorded
            if not isinstance(error, LogUnavailableError):
                await _record(settings, model, error)
            raise

    # errors that an event's content causes are parked: the others may pass
    await retry(
        recorded,
        stop,
        on=(PositionMovedError, LogUnavailableError, DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE),
        outage=outage,
        first=FIRST_DELAY,
        longest=LONGEST_DELAY,
    )


async def _record(settings: Settings, model: Model, error: Exception) -> None:
    """Records the error for ``tailrace status``; an outage of the database is named by itself."""
    with suppress(TailraceError, asyncpg.PostgresError, *UNAVAILABLE):
        async with connected(settings.dsn, name="projection-errors", limit=5) as connection:
            await record_projector_error(connection, model.name, str(as_sentence(error) or error))


async def acquire(
    connection: "asyncpg.Connection", model: Model, stop: asyncio.Event, *, standby: bool, observer: Observer
) -> bool:
    """Takes the model's projector lock. Returns False if ``stop`` is set or the model is dropped before.

    The lock belongs to the connection that projects: losing one means losing the other.

    Raises:
        ConflictError: another projector is active and ``standby`` is false.
        OldGenerationError: the model is of an earlier generation.
        SchemaError: this program does not know the database's schema.
    """
    await require_current_schema(connection)
    require_current(model)
    await use_model(connection, model)
    logged = False
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
        if not logged:
            logger.info("standing by: another projector is active on %s", model.name)
            observer.standing_by()
            logged = True
        await sleep_until_stop(stop, STANDBY_INTERVAL)
    return False


async def _with_maintenance(projector: Projector, settings: Settings, model: Model, stop: asyncio.Event) -> None:
    """Runs both until one ends: if maintenance dies, late events silently go uncounted."""
    running = asyncio.create_task(projector.run(stop))
    maintenance = asyncio.create_task(maintain(settings, model))
    try:
        await asyncio.wait([running, maintenance], return_when=asyncio.FIRST_COMPLETED)
        if maintenance.done():
            maintenance.result()  # on the postgres flavour it ends at once without an error
        await running
    finally:
        for task in (running, maintenance):
            task.cancel()
        await asyncio.wait([running, maintenance])

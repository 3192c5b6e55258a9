"""The projection service: keeps every ready model of the database up to date, the live one and one beside it."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import NamedTuple

import asyncpg

from contracts.errors import TailraceError
from contracts.upcasting import Upcasters
from migrations.catalogue import Model, list_models
from migrations.runner import require_current_schema
from migrations.streams import ensure_streams
from migrations.upcasters import load_upcasters
from projection.http import make_app
from projection.metrics import ModelObserver, ProjectionMetrics
from projection.projecting import project
from projection.sampling import keep_sampling
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, connect
from runtime.serving import serve_http
from runtime.settings import Settings
from runtime.tracing import Tracing, start_tracing

MODELS_POLL = 1.0
"""Seconds between looks at which models there are."""

logger = logging.getLogger("tailrace.projection")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Projects until SIGINT or SIGTERM (or ``stop``), through outages of the log and the database.

    Raises:
        ConfigurationError, ConflictError: the port, the upcasters or the streams can't be used.
        TailraceError: a person has to decide about the live model; the message says what.
    """
    stop = stop or asyncio.Event()
    upcasters = load_upcasters(settings)
    metrics, tracing = ProjectionMetrics(), start_tracing("projection")
    client = await connect_log(settings, "projection")
    try:
        for difference in (await ensure_streams(client, settings)).left:
            logger.warning("%s", difference)
        models = _Models(client, settings, upcasters, metrics, tracing)

        async def finish() -> None:
            stop.set()
            await models.ended.wait()  # the batch at hand is finished

        await serve_http(
            make_app(client.state, models.check, metrics.registry),
            host=settings.host,
            port=settings.projection_port,
            background=[models.keep(stop), keep_sampling(settings, client, metrics)],
            on_stop=finish,
            stop=stop,
        )
    finally:
        await client.close()
        tracing.close()


class _Work(NamedTuple):
    stop: asyncio.Event
    task: "asyncio.Task[None]"


class _Models:
    """One projecting task per ready model."""

    def __init__(
        self,
        client: LogClient,
        settings: Settings,
        upcasters: Upcasters,
        metrics: ProjectionMetrics,
        tracing: Tracing,
    ) -> None:
        self.ended = asyncio.Event()
        """Set once nothing is projected any more."""
        self._client = client
        self._settings = settings
        self._upcasters = upcasters
        self._metrics = metrics
        self._tracing = tracing
        self._trouble = "the models are not known yet"
        self._at_work: dict[str, _Work] = {}
        self._models: list[Model] = []
        self._connection: asyncpg.Connection | None = None

    async def keep(self, stop: asyncio.Event) -> None:
        """Projects every ready model until ``stop`` is set.

        Raises:
            SchemaError: another version has changed the schema, before or meanwhile.
            TailraceError: a person has to decide about the live model; the message says what.
        """
        async with AsyncExitStack() as ending:
            ending.callback(self.ended.set)
            ending.push_async_callback(self._end)
            stopping = asyncio.create_task(stop.wait())
            ending.callback(stopping.cancel)
            while not stop.is_set():
                await self._look()
                tasks = [work.task for work in self._at_work.values() if not work.task.done()]
                await asyncio.wait([stopping, *tasks], timeout=MODELS_POLL, return_when=asyncio.FIRST_COMPLETED)
                self._raise_for_the_live_one()

    async def check(self) -> None:
        """Whether the models could be asked for lately.

        Raises:
            DatabaseUnavailableError: they could not.
        """
        if self._trouble:
            raise DatabaseUnavailableError(self._trouble)

    async def _look(self) -> None:
        """Starts what is missing and stops what is gone; while the database is away, everything stays as it is."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._settings.dsn, name="projection-models")
            self._models = await _known_models(self._connection)
        except (DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            self._trouble = f"the models are not known: {error or type(error).__name__}"
            logger.debug("%s", self._trouble)
            return
        self._trouble = ""
        names = {model.name for model in self._models}
        for name in self._at_work.keys() - names:
            work = self._at_work.pop(name)
            work.stop.set()
            await asyncio.wait([work.task])
            self._metrics.forget(name)
            logger.info("%s is not projected any more", name)
        for model in self._models:
            running = self._at_work.get(model.name)
            # a task that ended in good order found its model gone for a moment
            if running is None or (running.task.done() and running.task.exception() is None):
                stop = asyncio.Event()
                observer = ModelObserver(self._metrics, self._tracing, model.name)
                work_on = project(self._client, self._settings, self._upcasters, model, stop, observer=observer)
                task = asyncio.create_task(work_on, name=model.name)
                self._at_work[model.name] = _Work(stop, task)

    def _raise_for_the_live_one(self) -> None:
        live = {model.name for model in self._models if model.live}
        for name, work in self._at_work.items():
            if not work.task.done() or (error := work.task.exception()) is None:
                continue
            if name in live or not isinstance(error, TailraceError):
                raise error
            if not work.stop.is_set():
                logger.error("%s, beside the live model, is not projected any more: %s", name, error)
                work.stop.set()

    async def _end(self) -> None:
        for work in self._at_work.values():
            work.stop.set()
        if self._at_work:
            await asyncio.wait([work.task for work in self._at_work.values()])
        if self._connection is not None:
            await self._connection.close(timeout=2)


async def _known_models(connection: "asyncpg.Connection") -> list[Model]:
    """The ready ones. In one snapshot: a model that is being dropped must not look like one that was never migrated."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await require_current_schema(connection)
        return [model for model in await list_models(connection) if model.state == "ready"]

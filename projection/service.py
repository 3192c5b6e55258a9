"""The projection service: projects every ready model of the database, the live one and the candidate.

Models of the previous generation stay as they are.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import NamedTuple

import asyncpg
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from contracts.errors import TailraceError
from contracts.upcasting import Upcasters
from migrations.catalogue import Model, list_models
from migrations.projections import list_failed
from migrations.runner import require_current_schema
from migrations.streams import ensure_streams
from migrations.upcasters import load_upcasters
from projection.log_check import check_forever
from projection.metrics import ModelObserver, ProjectionMetrics
from projection.sampling import sample_forever
from projection.worker import project
from runtime.access.guard import OPEN_PATHS, Rules
from runtime.health import CHECK_TIMEOUT, Check, health_routes
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.metrics import serve_metrics
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, close, connect
from runtime.serving import serve_http
from runtime.settings import Settings
from runtime.tracing import Tracing, start_tracing

MODELS_INTERVAL = 1.0
"""Seconds between reads of the catalogue of models."""

RULES = Rules(default="metrics", open=OPEN_PATHS)
"""Which keys the paths need."""

logger = logging.getLogger("tailrace.projection")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Projects until SIGINT or SIGTERM (or ``stop``), through outages of the log and the database.

    Raises:
        ConfigurationError: the port is in use, or the upcasters or the streams can't be set up.
        TailraceError: the live model needs an operator's decision; the message says which.
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
            await models.ended.wait()  # the current batch is finished

        await serve_http(
            make_app(client.state, models, metrics.registry),
            settings=settings,
            port=settings.projection_port,
            rules=RULES,
            log=client,
            background=[models.run(stop), sample_forever(settings, client, metrics.show), check_forever(client)],
            on_stop=finish,
            stop=stop,
        )
    finally:
        await client.close()
        tracing.close()


def make_app(log: Check, models: "_Models", registry: CollectorRegistry) -> Starlette:
    """Returns the ASGI app with health and metrics. ``log`` checks the log."""
    app = Starlette(routes=health_routes({"log": log, "models": models.check}, models.find_troubles))
    serve_metrics(app, registry)
    return app


class _Work(NamedTuple):
    stop: asyncio.Event
    task: "asyncio.Task[None]"
    observer: ModelObserver


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
        """Set when every projector has ended."""
        self._client = client
        self._settings = settings
        self._upcasters = upcasters
        self._metrics = metrics
        self._tracing = tracing
        self._problem = "the models are not known yet"
        self._running: dict[str, _Work] = {}
        self._models: list[Model] = []
        self._troubles: list[str] = []
        self._connection: asyncpg.Connection | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Projects every ready model until ``stop`` is set.

        Raises:
            SchemaError: another version of the program has changed the schema.
            TailraceError: the live model needs an operator's decision; the message says which.
        """
        async with AsyncExitStack() as ending:
            ending.callback(self.ended.set)
            ending.push_async_callback(self._end)
            stopping = asyncio.create_task(stop.wait())
            ending.callback(stopping.cancel)
            while not stop.is_set():
                await self._reconcile()
                tasks = [work.task for work in self._running.values() if not work.task.done()]
                await asyncio.wait([stopping, *tasks], timeout=MODELS_INTERVAL, return_when=asyncio.FIRST_COMPLETED)
                self._raise_live_error()

    async def check(self) -> None:
        """Checks that the last read of the catalogue succeeded, and that the live model is projected.

        Raises:
            DatabaseUnavailableError: the database refuses one of both.
        """
        if self._problem:
            raise DatabaseUnavailableError(self._problem)
        for model in self._models:
            if model.live and (work := self._running.get(model.name)) and work.observer.problem:
                raise DatabaseUnavailableError(f"{model.name} waits: {work.observer.problem}")

    async def find_troubles(self) -> list[str]:
        """Returns a sentence for each declared projection that has stopped, by the last read of the catalogue."""
        return self._troubles

    async def _reconcile(self) -> None:
        """Starts and stops projectors to match the catalogue; changes nothing during an outage of the database."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._settings.dsn, name="projection-models", limit=CHECK_TIMEOUT)
            self._models = await _ready_models(self._connection)
            self._troubles = [model.trouble for model in await list_failed(self._connection)]
        except (DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            self._problem = f"the models are not known: {error or type(error).__name__}"
            if self._connection is not None:
                self._connection.terminate()
            logger.debug("%s", self._problem)
            return
        self._problem = ""
        names = {model.name for model in self._models}
        for name in self._running.keys() - names:
            work = self._running.pop(name)
            work.stop.set()
            await asyncio.wait([work.task])
            self._metrics.forget(name)
            logger.info("%s is no longer projected", name)
        for model in self._models:
            running = self._running.get(model.name)
            # a task that ended without an error did not find its model for a moment
            if running is None or (running.task.done() and running.task.exception() is None):
                stop = asyncio.Event()
                observer = ModelObserver(self._metrics, self._tracing, model.name)
                work_on = project(self._client, self._settings, self._upcasters, model, stop, observer=observer)
                task = asyncio.create_task(work_on, name=model.name)
                self._running[model.name] = _Work(stop, task, observer)

    def _raise_live_error(self) -> None:
        live = {model.name for model in self._models if model.live}
        for name, work in self._running.items():
            if not work.task.done() or (error := work.task.exception()) is None:
                continue
            if name in live or not isinstance(error, TailraceError):
                raise error
            if not work.stop.is_set():
                logger.error("%s, which is not live, is no longer projected: %s", name, error)
                work.stop.set()

    async def _end(self) -> None:
        for work in self._running.values():
            work.stop.set()
        if self._running:
            await asyncio.wait([work.task for work in self._running.values()])
        if self._connection is not None:
            await close(self._connection)


async def _ready_models(connection: "asyncpg.Connection") -> list[Model]:
    """Returns the ready models. One snapshot: a model that is being dropped must not look like an unmigrated one."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await require_current_schema(connection)
        return [model for model in await list_models(connection) if model.state == "ready" and model.is_current]

"""The projection service: keeps every ready model of the database up to date, the live one and one beside it."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import NamedTuple

import asyncpg

from tailrace.contracts.errors import TailraceError
from tailrace.contracts.upcasting import Upcasters
from tailrace.migrations.models import Model, list_models
from tailrace.migrations.runner import live_model
from tailrace.projection.projecting import project
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.log.topology import ensure_streams
from tailrace.runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, connect
from tailrace.runtime.settings import Settings
from tailrace.runtime.upcasters import load_upcasters
from tailrace.runtime.waiting import stop_event

MODELS_POLL = 1.0
"""Seconds between looks at which models there are."""

logger = logging.getLogger("tailrace.projection")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Projects until SIGINT or SIGTERM (or ``stop``), through outages of the log and the database.

    Raises:
        TailraceError: a person has to decide about the live model; the message says what.
    """
    stop = stop or stop_event()
    upcasters = load_upcasters(settings)
    client = await connect_log(settings, "projection")
    try:
        for difference in await ensure_streams(client, settings):
            logger.warning("%s", difference)
        await _Models(client, settings, upcasters).keep(stop)
    finally:
        await client.close()


class _Work(NamedTuple):
    stop: asyncio.Event
    task: "asyncio.Task[None]"


class _Models:
    """One projecting task per ready model."""

    def __init__(self, client: LogClient, settings: Settings, upcasters: Upcasters) -> None:
        self._client = client
        self._settings = settings
        self._upcasters = upcasters
        self._at_work: dict[str, _Work] = {}
        self._models: list[Model] = []
        self._connection: asyncpg.Connection | None = None

    async def keep(self, stop: asyncio.Event) -> None:
        """Projects every ready model until ``stop`` is set."""
        async with AsyncExitStack() as ending:
            ending.push_async_callback(self._end)
            stopping = asyncio.create_task(stop.wait())
            ending.callback(stopping.cancel)
            while not stop.is_set():
                await self._look()
                tasks = [work.task for work in self._at_work.values() if not work.task.done()]
                await asyncio.wait([stopping, *tasks], timeout=MODELS_POLL, return_when=asyncio.FIRST_COMPLETED)
                self._raise_for_the_live_one()

    async def _look(self) -> None:
        """Starts what is missing and stops what is gone; while the database is away, everything stays as it is."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._settings.dsn, name="projection-models")
                await live_model(self._connection)
            self._models = [model for model in await list_models(self._connection) if model.state == "ready"]
        except (DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            logger.debug("the models are not known: %s", error)
            return
        names = {model.name for model in self._models}
        for name in self._at_work.keys() - names:
            work = self._at_work.pop(name)
            work.stop.set()
            await asyncio.wait([work.task])
            logger.info("%s is not projected any more", name)
        for model in self._models:
            running = self._at_work.get(model.name)
            # a task that ended in good order found its model gone for a moment
            if running is None or (running.task.done() and running.task.exception() is None):
                stop = asyncio.Event()
                work_on = project(self._client, self._settings, self._upcasters, model, stop)
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

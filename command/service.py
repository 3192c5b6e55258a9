"""The command service: builds its parts, starts and stops them."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import nats.errors

from command.answers import Status
from command.app import RULES, HotRoute, build_app
from command.appender import Appender
from command.asyncapi import asyncapi_document
from command.broker import STOP_TIMEOUT, connect_broker, make_broker
from command.event_types import EventTypes
from command.http import EventsEndpoint
from command.inbox import Inbox, make_consumer, repair_consumer, subscribe_inbox
from command.ingest import Ingest
from command.metrics import CommandMetrics
from command.openapi import openapi_document
from command.publishers import declare_publishers
from command.submit import subscribe_submit
from command.watch import read_epochs, watch
from contracts.subjects import LOG_STREAM
from migrations.streams import ensure_streams
from migrations.upcasters import load_upcasters
from runtime.log.client import LogClient, close_connection
from runtime.metrics import serve_metrics
from runtime.serving import serve_http
from runtime.settings import Settings
from runtime.tracing import Tracing, start_tracing
from runtime.user_key import UserIds

logger = logging.getLogger("tailrace.command")


class CommandService:
    """The parts of the service, connected to each other; the log is connected while ``running``."""

    client: LogClient

    def __init__(self, settings: Settings, tracing: Tracing | None = None) -> None:
        """Builds the parts without connecting to anything.

        Raises:
            ConfigurationError: the upcasters, or the file of the key of user ids, can't be loaded.
        """
        self.settings = settings
        self.epochs: dict[str, str] = {}
        self.users = UserIds(settings)
        self.event_types = EventTypes(settings.max_event_types, settings.max_new_event_types)
        self._tracing = tracing or Tracing()
        self._metrics = CommandMetrics()
        self._started_at = datetime.now(UTC)
        self.appender = Appender(
            self._metrics, self._tracing, timeout=settings.publish_timeout, replicated=settings.replicas > 1
        )
        self._broker = make_broker(settings, self._metrics, self._tracing)
        publishers = declare_publishers(self._broker, self.appender)
        self.ingest = ingest = Ingest(
            publishers.log,
            self.event_types,
            load_upcasters(settings),
            self._metrics,
            self.epochs,
            max_pending=settings.max_pending_events,
            identify=self.users.identify,
        )
        subscribe_inbox(self._broker, Inbox(ingest, publishers.rejected, self.epochs, self.appender.max_payload))
        subscribe_submit(self._broker, ingest)
        self.openapi: dict[str, Any] = openapi_document()
        self.asyncapi = asyncapi_document(self._broker, with_users="@" in settings.nats_url)
        events = EventsEndpoint(
            ingest,
            max_body_bytes=settings.max_body_bytes,
            max_pending_bytes=settings.max_pending_body_bytes,
        )
        app = build_app(events, ready=self._ready, status=self._status, openapi=self.openapi, asyncapi=self.asyncapi)
        self.routes = app.routes
        latency = serve_metrics(app, self._metrics.registry)
        self._tracing.trace_http(app)
        self.app = app if self._tracing.is_on else HotRoute(events, app, latency)

    async def _ready(self) -> object:
        self.appender.require_room()
        return await self.client.state()

    def _status(self) -> Status:
        counters = msgspec.structs.asdict(self._metrics.counters)
        return Status(**counters, started_at=self._started_at, epoch=self.epochs[LOG_STREAM])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connects, sets up the streams and consumes NATS messages while the block runs; HTTP is the caller's.

        Raises:
            ConfigurationError, ConflictError: the streams can't be used.
            LogUnavailableError: no NATS server answers.
        """
        connection = await connect_broker(self._broker, self.settings)
        try:
            await self.appender.start(connection)
            self.client = LogClient(connection, owned=False)
            for sentence in (await ensure_streams(self.client, self.settings)).left:
                logger.warning("%s", sentence)
            await make_consumer(self.client, publish_timeout=self.settings.publish_timeout)
            await repair_consumer(self.client, publish_timeout=self.settings.publish_timeout)
            self.epochs.update(await read_epochs(self.client))
            self.ingest.clock = self.client.clock
            await self.event_types.load(self.client)
            await self.users.refresh(self.client)
            await self._broker.start()
            logger.info("appending to the log %s", self.epochs[LOG_STREAM])
            yield
        finally:
            # draining waits for a server that may be gone; nothing acknowledged depends on it
            with suppress(TimeoutError, nats.errors.Error, OSError):
                async with asyncio.timeout(STOP_TIMEOUT):
                    await self._broker.stop()
            await close_connection(connection)
            self._tracing.close()

    async def watch(self) -> None:
        """Checks the streams and the inbox's consumer until one of them is gone; see ``command.watch``."""
        await watch(
            self.client,
            self.epochs,
            self.event_types,
            self.appender,
            publish_timeout=self.settings.publish_timeout,
        )


async def serve(settings: Settings) -> None:
    """Runs the command service until SIGINT or SIGTERM.

    Raises:
        ConfigurationError, ConflictError: the port, the upcasters or the streams can't be used.
        LogUnavailableError: no NATS server answers at the start, or a stream was deleted.
        ForeignHistoryError: a stream was replaced by another while this ran.
    """
    service = CommandService(settings, start_tracing("command"))
    async with service.running():
        gc.freeze()  # a full collection would walk through every loaded module again and again
        await serve_http(
            service.app,
            settings=settings,
            port=settings.command_port,
            rules=RULES,
            log=service.client,
            on_stop=service.appender.finish,
            background=[service.watch(), service.users.watch(service.client)],
        )

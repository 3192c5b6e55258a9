"""The command service's composition root: everything is made, wired, run and ended here."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import nats
import nats.errors
from faststream.nats import NatsBroker
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.prometheus import NatsPrometheusMiddleware
from faststream.security import SASLPlaintext
from nats.aio.client import Client
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from command.app import HotRoute, build_app
from command.appender import Appender
from command.docs import asyncapi_document, declare_publishers
from command.event_types import EventTypes
from command.http import EventsEndpoint
from command.inbox import Inbox, make_consumer, subscribe_inbox
from command.ingest import Ingest
from command.metrics import CommandMetrics
from command.submit import subscribe_submit
from command.watch import read_epochs, watch
from contracts.errors import LogUnavailableError
from contracts.subjects import INBOX_STREAM, LOG_STREAM
from contracts.upcasting import NO_UPCASTERS
from migrations.streams import ensure_streams
from migrations.upcasters import load_upcasters
from runtime.log import natspy
from runtime.log.addresses import MAX_PINGS, PING_INTERVAL, read_address, shown_address
from runtime.log.client import LogClient
from runtime.metrics import serve_metrics
from runtime.serving import serve_http
from runtime.settings import Settings
from runtime.tracing import Tracing, start_tracing

STOP_TIMEOUT = 2.0
"""Seconds for messages in hand at shutdown, after HTTP had its own; JetStream delivers again what is cut off."""

logger = logging.getLogger("tailrace.command")


class CommandSide(NamedTuple):
    """What runs once everything is wired."""

    app: ASGIApp
    routes: list[BaseRoute]
    appender: Appender
    client: LogClient
    epochs: dict[str, str]
    event_types: EventTypes


async def serve(settings: Settings) -> None:
    """Runs the command service until SIGINT or SIGTERM.

    Raises:
        ConfigurationError, ConflictError: the port, the upcasters or the streams can't be used.
        LogUnavailableError: no NATS server answers at the start, or a stream was deleted.
        ForeignHistoryError: a stream was replaced by another while this ran.
    """
    async with command_side(settings) as side:
        gc.freeze()  # a full collection would walk through every loaded module again and again
        await serve_http(
            side.app,
            settings=settings,
            port=settings.command_port,
            on_stop=side.appender.finish,
            background=[
                watch(side.client, side.epochs, side.event_types, publish_timeout=settings.publish_timeout),
            ],
        )


def described(settings: Settings) -> dict[str, Any]:
    """The AsyncAPI document of what ``command_side`` runs with these settings, without running it."""
    metrics, tracing, connection = CommandMetrics(), Tracing(), Client()
    broker = _broker(settings, metrics, tracing)
    appender = Appender(metrics, tracing, timeout=settings.publish_timeout)
    event_types = EventTypes(settings.max_event_types)
    ingest = Ingest(appender, event_types, NO_UPCASTERS, metrics, "", max_pending=settings.max_pending_events)
    _declare(broker, Inbox(ingest, appender, connection, ""), ingest)
    return asyncapi_document(broker, with_users="@" in settings.nats_url)


def _declare(broker: NatsBroker, inbox: Inbox, ingest: Ingest) -> None:
    subscribe_inbox(broker, inbox)
    subscribe_submit(broker, ingest)
    declare_publishers(broker)


@asynccontextmanager
async def command_side(settings: Settings) -> AsyncIterator[CommandSide]:
    """Connects, sets up the streams and takes NATS messages while the block runs; HTTP is for the caller to serve.

    Raises:
        ConfigurationError, ConflictError: the upcasters or the streams can't be used.
        LogUnavailableError: no NATS server answers.
    """
    upcasters = load_upcasters(settings)
    metrics, tracing = CommandMetrics(), start_tracing("command")
    broker = _broker(settings, metrics, tracing)
    connection = await _connected(broker, settings)
    try:
        appender = Appender(metrics, tracing, timeout=settings.publish_timeout)
        await appender.start(connection)
        client = natspy.NatsPyClient(connection, owned=False)
        for sentence in (await ensure_streams(client, settings)).left:
            logger.warning("%s", sentence)
        await make_consumer(client, publish_timeout=settings.publish_timeout)
        epochs = await read_epochs(client)
        event_types = EventTypes(settings.max_event_types)
        await event_types.load(client)
        epoch = epochs[LOG_STREAM]
        ingest = Ingest(appender, event_types, upcasters, metrics, epoch, max_pending=settings.max_pending_events)
        _declare(broker, Inbox(ingest, appender, connection, epochs[INBOX_STREAM]), ingest)
        await broker.start()
        events = EventsEndpoint(ingest, max_body_bytes=settings.max_body_bytes)
        app = build_app(
            events,
            ingest,
            client,
            asyncapi_document(broker, with_users="@" in settings.nats_url),
            {"started_at": datetime.now(UTC), "epoch": epoch},
        )
        latency = serve_metrics(app, metrics.registry)
        tracing.trace_http(app)
        entry = app if tracing.is_on else HotRoute(events, app, latency)
        logger.info("events are taken into the log %s", epoch)
        yield CommandSide(entry, app.routes, appender, client, epochs, event_types)
    finally:
        # draining waits for a server that may be gone; nothing acknowledged depends on it
        with suppress(TimeoutError, nats.errors.Error, OSError):
            async with asyncio.timeout(STOP_TIMEOUT):
                await broker.stop()
        await natspy.close_connection(connection)
        tracing.close()


async def _connected(broker: NatsBroker, settings: Settings) -> Client:
    reasons: list[Exception] = []

    async def remember(error: Exception) -> None:
        reasons.append(error)

    address = read_address(settings.nats_url)
    patience = natspy.connect_timeout(address)
    try:
        async with asyncio.timeout(patience):
            # told to reconnect for ever, nats-py tries the first connection for ever too; this one finds out why not
            probe = await nats.connect(
                address.servers,
                user=address.user or None,
                password=address.password or None,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.1,
                error_cb=remember,
            )
            await probe.close()
            return await broker.connect()
    except (TimeoutError, nats.errors.Error, OSError) as error:
        reason = str(reasons[0] if reasons else error) or f"no connection within {patience:g} s"
        raise LogUnavailableError(f"no NATS server answers at {shown_address(settings.nats_url)}: {reason}") from None


class _Broker(NatsBroker):
    """Goes on where a server refuses it: FastStream's own raises there, which ends nats-py's reconnecting for ever."""

    def _log_connection_broken(self, error_cb: Any = None) -> Any:
        return error_cb


def _broker(settings: Settings, metrics: CommandMetrics, tracing: Tracing) -> NatsBroker:
    async def quiet(error: Exception) -> None:
        logger.debug("NATS: %s", error)  # every call reports its own failure

    failures = logging.getLogger("nats.faststream")
    failures.setLevel(logging.ERROR)  # what a handler did not expect; the rest is said in our own words
    address = read_address(settings.nats_url)
    return _Broker(
        address.servers,
        security=SASLPlaintext(address.user, address.password, use_ssl=False) if address.user else None,
        name="tailrace-command",
        error_cb=quiet,
        ping_interval=PING_INTERVAL,  # type: ignore[arg-type]  # any number serves
        max_outstanding_pings=MAX_PINGS,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        graceful_timeout=STOP_TIMEOUT / 2,
        specification_url=shown_address(settings.nats_url),
        protocol_version=None,
        apply_types=False,
        logger=failures,
        middlewares=[
            NatsPrometheusMiddleware(registry=metrics.registry, app_name="tailrace", metrics_prefix="tailrace_nats"),
            *([NatsTelemetryMiddleware(tracer_provider=tracing.provider)] if tracing.is_on else []),
        ],
    )

"""FastStream's broker with the service's options, and its first connection."""

import asyncio
import logging
from typing import Any

from faststream.nats import NatsBroker
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.prometheus import NatsPrometheusMiddleware
from faststream.nats.security import NatsCredentials
from faststream.security import BaseSecurity, SASLPlaintext
from nats.aio.client import Client

from command.metrics import CommandMetrics
from runtime.log.addresses import read_address, shown_address
from runtime.log.connect import RECOVERY, connect_nats, connect_timeout, security, unreachable
from runtime.log.errors import UNREACHABLE
from runtime.settings import Settings
from runtime.tracing import Tracing

STOP_TIMEOUT = 2.0
"""Seconds for messages in progress at shutdown, after HTTP had its own; JetStream delivers again what is cut off."""

logger = logging.getLogger("tailrace.command")


class _Broker(NatsBroker):
    """Keeps reconnecting when a server refuses it: FastStream's own callback raises, which ends that for good."""

    def _log_connection_broken(self, error_cb: Any = None) -> Any:
        return error_cb


def make_broker(settings: Settings, metrics: CommandMetrics, tracing: Tracing) -> NatsBroker:
    """Returns a broker that is not connected yet."""

    async def quiet(error: Exception) -> None:
        logger.debug("NATS: %s", error)  # every call reports its own failure

    failures = logging.getLogger("nats.faststream")
    failures.setLevel(logging.ERROR)  # unexpected errors of handlers; the service logs the rest itself
    address = read_address(settings.nats_url)
    return _Broker(
        address.servers,
        security=_security(settings),
        name="tailrace-command",
        inbox_prefix=address.inbox_prefix,
        error_cb=quiet,
        **RECOVERY,
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


def _security(settings: Settings) -> BaseSecurity | None:
    address, options = read_address(settings.nats_url), security(settings)
    context = options.get("tls")
    if settings.nats_creds is not None:
        return NatsCredentials(settings.nats_creds, ssl_context=context, use_ssl=context is not None)
    if address.user:
        return SASLPlaintext(address.user, address.password, ssl_context=context, use_ssl=context is not None)
    return None if context is None else BaseSecurity(ssl_context=context, use_ssl=True)


async def connect_broker(broker: NatsBroker, settings: Settings) -> Client:
    """Connects within a bounded time; later the connection is restored without a bound.

    Raises:
        LogUnavailableError: no NATS server answers.
    """
    url, timeout = settings.nats_url, connect_timeout(read_address(settings.nats_url))
    # with unlimited reconnects nats-py also retries the first connection for ever, and tells no reason
    once = {"max_reconnect_attempts": 1, "reconnect_time_wait": 0.1}
    await (await connect_nats(url, "tailrace-command", **once, **security(settings))).close()
    try:
        async with asyncio.timeout(timeout):
            return await broker.connect()
    except UNREACHABLE as error:
        raise unreachable(url, error, timeout) from None

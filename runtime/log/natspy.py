"""The log's client over nats-py: works on every Python, and shares FastStream's connection on the command side."""

import asyncio
from contextlib import suppress
from typing import Any

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError
from runtime.log.addresses import (
    MAX_PINGS,
    PING_INTERVAL,
    SERVER_TIMEOUT,
    Address,
    read_address,
    shown_address,
)
from runtime.log.client import REQUEST_TIMEOUT, JetStreamApiError, LogClient, Reply
from runtime.log.deliveries import Fetcher, entry_from
from runtime.log.refused import Refused

CONNECT_TIMEOUT = 5.0
"""Seconds for a first connection; with many servers, more: each has its time."""
_GONE = (nats.errors.Error, nats.js.errors.Error, OSError, asyncio.TimeoutError)


class NatsPyClient(LogClient):
    """Wraps a connected nats-py client; ``close`` closes it only if ``owned``."""

    def __init__(self, connection: Client, *, owned: bool = True, refused: Refused | None = None) -> None:
        self._connection = connection
        self._refused = refused or Refused()
        self._owned = owned
        self._js = connection.jetstream()

    @property
    def generation(self) -> int:  # type: ignore[override]
        """How often the connection was made."""
        return int(self._connection.stats["reconnects"])

    @property
    def server_version(self) -> str:  # type: ignore[override]
        """Of the server that is connected."""
        return str(self._connection.connected_server_version)

    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> Reply:
        """See ``LogClient.request``."""
        try:
            message = await self._connection.request(subject, payload, timeout=timeout, headers=headers)
        except nats.errors.NoRespondersError:
            return Reply(b"", {}, 503)
        except _GONE as error:
            silent = f"the log's server does not answer: {error or type(error).__name__}"
            raise LogUnavailableError(self._refused.sentence(subject) or silent) from error
        found = message.headers or {}
        return Reply(message.data, found, int(found.get("Status", 0)))

    async def fetcher(self, stream: str, consumer: str) -> Fetcher:
        """See ``LogClient.fetcher``."""
        # a bound subscription's queue must hold what one fetch may bring
        subscription = await self._js.pull_subscribe_bind(
            consumer=consumer, stream=stream, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        return _NatsPyFetcher(self, subscription, stream, consumer)

    async def close(self) -> None:
        """See ``LogClient.close``."""
        if self._owned:
            await close_connection(self._connection)


class _NatsPyFetcher(Fetcher):
    def __init__(self, client: NatsPyClient, subscription: Any, stream: str, consumer: str) -> None:
        super().__init__()
        self._client = client
        self._subscription = subscription
        self._where = f"{stream}.{consumer}"

    async def fetch(self, limit: int, wait: float) -> list[LogEntry]:
        try:
            messages: list[Msg] = await self._subscription.fetch(limit, timeout=wait)
        except (TimeoutError, nats.errors.TimeoutError):
            return []
        except _GONE as error:
            raise LogUnavailableError(f"reading the log failed: {error or type(error).__name__}") from error
        if messages:
            self.check(messages[0].reply, messages[-1].reply, len(messages))
        return [entry_from(message.reply, message.headers, message.data) for message in messages]

    async def close(self) -> None:
        try:
            await self._subscription.unsubscribe()
            await self._client.api(f"CONSUMER.DELETE.{self._where}")
        except (*_GONE, LogUnavailableError, JetStreamApiError):
            return  # the server drops an idle consumer by itself


async def close_connection(connection: Client) -> None:
    """Ends a connection, whatever state it is in."""
    if connection.is_closed:
        return
    # without a server, nats-py writes what it still holds to a transport that is closed, and stumbles
    with suppress(TypeError, RuntimeError, *_GONE):
        await connection.close()


def connect_timeout(address: Address) -> float:
    """Seconds in which each of several servers can be asked."""
    return max(CONNECT_TIMEOUT, (len(address.servers) + 1) * SERVER_TIMEOUT)


async def connect(url: str, name: str, **options: Any) -> NatsPyClient:
    """Connects to the log's server; afterwards the connection is made anew by itself, for ever.

    Raises:
        LogUnavailableError: nobody answers at ``url``.
    """
    address = read_address(url)
    refused = Refused(address.user)
    patience = connect_timeout(address)
    try:
        # told to reconnect for ever, nats-py tries the first connection for ever too
        async with asyncio.timeout(patience):
            connection = await nats.connect(
                address.servers,
                user=address.user or None,
                password=address.password or None,
                name=name,
                error_cb=refused.note,
                connect_timeout=SERVER_TIMEOUT,
                ping_interval=PING_INTERVAL,
                max_outstanding_pings=MAX_PINGS,
                reconnect_time_wait=0.2,
                **{"max_reconnect_attempts": -1, "allow_reconnect": True, **options},
            )
    except _GONE as error:
        reason = str(error) or f"no connection within {patience:g} s"
        raise LogUnavailableError(
            f"no NATS server answers at {shown_address(url)}: {reason}; start it, or set its address with "
            "TAILRACE_NATS_URL"
        ) from error
    return NatsPyClient(connection, refused=refused)

"""Reads an ordered pull consumer, without acknowledgements."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError, TailraceError
from runtime.log.deliveries import Deliveries, Status
from runtime.log.errors import UNREACHABLE, JetStreamApiError
from runtime.log.parser import DeliveryParser

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of a pull request's deliveries. It bounds the memory of a reader."""
SMALLEST_REQUEST = 1_000
"""Entries that a pull request asks for at least: in requests of 256, entries cost a quarter more on both sides."""
ENVELOPE = 64 * 1024
"""Bytes that an entry has besides its payload, at most: the request must have room for the largest entry."""
SHORTEST_REQUEST = 1.0
"""Seconds that a pull request lives at least; the next ``fetch`` continues it."""
GRACE = 1.0
"""Seconds after its end until a request without a status counts as lost."""

Api = Callable[[str], Awaitable[dict[str, Any]]]
"""Calls an endpoint of JetStream's API."""

_HEARTBEAT, _NOT_FOUND, _EXPIRED, _CONFLICT, _NO_RESPONDERS = 100, 404, 408, 409, 503
_COMPLETED = "Batch Completed"
_TOO_LARGE = "Message Size Exceeds MaxBytes"


class _Request(NamedTuple):
    """A pull request: its reply subject, the deliveries before it and up to its end, and when it has expired."""

    subject: str
    received: int
    complete: int
    expired: float


class Consumer:
    """A pull consumer of the log or of another stream. One task fetches at a time.

    At most one pull request is open. Its deliveries stay buffered until they are fetched, so a ``fetch`` that is
    cancelled loses nothing.
    """

    def __init__(self, connection: Client, parser: DeliveryParser | None, api: Api, name: str, pending: int) -> None:
        self._connection = connection
        self._subscription: Subscription
        self._parser = parser
        self._api = api
        self._name = name
        self._inbox = connection.new_inbox()
        self._deliveries = Deliveries(pending)
        self._request: _Request | None = None
        self._requests = 0
        self._failure: TailraceError | None = None

    @classmethod
    async def open(
        cls, connection: Client, parser: DeliveryParser | None, api: Api, name: str, pending: int = 0
    ) -> Self:
        """Subscribes to the deliveries of the consumer ``<stream>.<consumer>``, with ``pending`` entries to deliver.

        Without a ``parser`` of ours, nats-py delivers its own messages.
        """
        consumer = cls(connection, parser, api, name, pending)
        try:
            consumer._subscription = await connection.subscribe(
                f"{consumer._inbox}.*", cb=consumer._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        except UNREACHABLE as error:
            raise _unreadable(error) from error
        if parser is not None:
            parser.register(consumer._subscription._id, consumer._deliveries)
        return consumer

    @property
    def pending(self) -> int:
        """Number of entries that are not fetched yet, as far as the server's newest delivery tells."""
        return len(self._deliveries.entries) + self._deliveries.pending

    async def fetch(self, limit: int, wait: float) -> list[LogEntry]:
        """Returns the next 1 to ``limit`` entries; [] if none comes within ``wait`` seconds.

        It returns as soon as it has ``limit`` entries or all that the consumer has.

        Raises:
            LogUnavailableError: the connection, the consumer or one of its deliveries is lost; open another consumer.
            JetStreamApiError: the server refuses the pull request.
        """
        found, clock = self._deliveries, asyncio.get_running_loop().time
        deadline = clock() + wait
        while True:
            is_open = self._is_open(clock())
            left = deadline - clock()
            failure = found.failure or self._failure
            if found.entries:
                if len(found.entries) >= limit or found.pending == 0 or not is_open or failure or left <= 0:
                    return found.take(limit)
            elif failure:
                raise failure
            elif left <= 0:
                return []
            request = self._request or await self._pull(
                max(limit, SMALLEST_REQUEST), max(left, SHORTEST_REQUEST), clock()
            )
            await found.wait(min(limit, len(found.entries) + request.complete - found.received), left)

    async def close(self) -> None:
        """Deletes the consumer, if the server can be reached; else the server does, once it is idle."""
        await self.abandon()
        try:
            await self._api(f"CONSUMER.DELETE.{self._name}")
        except (LogUnavailableError, JetStreamApiError):
            return

    async def abandon(self) -> None:
        """Unsubscribes from the deliveries; the server deletes an idle consumer."""
        if self._parser is not None:
            self._parser.unregister(self._subscription._id)
        try:
            await self._subscription.unsubscribe()
        except UNREACHABLE:
            return

    async def _receive(self, message: Msg) -> None:
        self._deliveries.add_message(message.subject, message.reply, message.headers, message.data)

    async def _pull(self, limit: int, expires: float, now: float) -> _Request:
        self._requests += 1
        received = self._deliveries.received
        request = _Request(f"{self._inbox}.{self._requests}", received, received + limit, now + expires + GRACE)
        size = max(MAX_BYTES, self._connection.max_payload + ENVELOPE)
        body = {"batch": limit, "expires": int(expires * 1e9), "max_bytes": size}
        try:
            await self._connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._name}", json.dumps(body).encode(), reply=request.subject
            )
        except UNREACHABLE as error:
            raise _unreadable(error) from error
        self._request = request
        return request

    def _is_open(self, now: float) -> bool:
        """Whether more can come for the pull request. Notes an error that ended it."""
        statuses, self._deliveries.statuses = self._deliveries.statuses, []
        for status in statuses:
            if self._request is not None and status.subject == self._request.subject:
                self._end(self._request, status)
        request = self._request
        if request is not None and (self._deliveries.received >= request.complete or now >= request.expired):
            self._request = None
        return self._request is not None

    def _end(self, request: _Request, status: Status) -> None:
        code, text = status.code, status.text
        if code == _HEARTBEAT:
            return
        self._request = None
        if code in (_NOT_FOUND, _EXPIRED) or (code == _CONFLICT and text == _COMPLETED):
            return
        if code == _CONFLICT and text == _TOO_LARGE:
            if status.received == request.received:
                self._failure = JetStreamApiError(code, "the next entry is larger than a pull request may be")
        elif code == _NO_RESPONDERS:
            self._failure = LogUnavailableError("reading the log failed: its consumer is gone")
        elif code == _CONFLICT:
            self._failure = LogUnavailableError(f"reading the log failed: {text} (status {code})")
        else:
            self._failure = JetStreamApiError(code, text)


def _unreadable(error: Exception) -> LogUnavailableError:
    return LogUnavailableError(f"reading the log failed: {error or type(error).__name__}")

"""The two clients: ``Client`` for threads, ``AsyncClient`` for asyncio."""

import asyncio
import atexit
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from tailrace_client.events import Rejection, encode
from tailrace_client.requests import http_client
from tailrace_client.sender import Sender

DEFAULT_URL = "http://localhost:8081"
CLOSE_TIMEOUT = 5.0
"""Seconds that ``close``, and the end of the process, wait for events that are not sent yet."""

_log = logging.getLogger("tailrace_client")
_open: "weakref.WeakSet[_Queueing]" = weakref.WeakSet()


def log_rejection(rejection: Rejection) -> None:
    """Logs a rejected event as a warning."""
    event = rejection.event
    _log.warning(
        "event %s (%s) was rejected: %s: %s", event["event_id"], event["event_type"], rejection.code, rejection.message
    )


class _Queueing:
    """What both clients share: a queue, and a thread that sends it."""

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        max_queue: int = 10_000,
        linger: float = 0.1,
        on_rejected: Callable[[Rejection], None] = log_rejection,
    ) -> None:
        url = url or os.environ.get("TAILRACE_COMMAND_URL") or DEFAULT_URL
        key = key or os.environ.get("TAILRACE_WRITE_KEY")
        self._arguments = (url, key, max_queue, linger, on_rejected)
        self._sender = self._make_sender()
        _open.add(self)

    def _make_sender(self) -> Sender:
        url, key, max_queue, linger, on_rejected = self._arguments
        return Sender(http_client(url, key), max_queue, linger, on_rejected)

    @property
    def dropped(self) -> int:
        """The number of events that were lost: the queue was full, the service refused them, or the process ended."""
        return self._sender.dropped

    def send(
        self,
        event_type: str,
        *,
        user_id: int | str | None = None,
        data: Mapping[str, Any] | None = None,
        event_id: UUID | str | None = None,
        created_at: datetime | None = None,
        event_version: int | None = None,
    ) -> str:
        """Queues an event, and returns its id without waiting for the network.

        ``user_id`` is an integer or a string, of which the service stores a hash; None: the event has no user. With the
        ``event_id`` of an earlier call, the event counts once. ``created_at`` is now by default.

        Raises:
            TypeError, ValueError: ``data`` has no JSON form, or ``created_at`` has no time zone.
            ClientClosedError: the client is closed.
        """
        identity, line = encode(
            event_type, user_id, data, event_id=event_id, created_at=created_at, event_version=event_version
        )
        self._sender.put(line)
        return identity

    def _restart_in_child(self) -> None:
        self._sender = self._make_sender()


class Client(_Queueing):
    """Queues events for a thread that sends them; use it from any thread, for example in Flask or Django.

    Events that wait are sent when the process ends. A forked child starts with an empty queue and its own thread.

    Args:
        url: the command service; by default ``TAILRACE_COMMAND_URL``, else ``http://localhost:8081``.
        key: a write key; by default ``TAILRACE_WRITE_KEY``, else none.
        max_queue: the number of events that may wait while the service is away. Beyond it, new events are dropped and
            counted in ``dropped``, so an outage does not fill the application's memory.
        linger: seconds to wait for more events before a batch that is not full is sent.
        on_rejected: gets each event that can never be accepted, in the sending thread; by default it is logged.

    Raises:
        ValueError: ``url`` is not an HTTP address.
    """

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until each queued event is in the log or rejected; returns False after ``timeout`` seconds."""
        return self._sender.flush(timeout)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Sends what waits, for at most ``timeout`` seconds, and ends the client."""
        self._sender.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Queueing):
    """``Client`` for asyncio: takes the same arguments; ``send`` is the same, ``flush`` and ``close`` are awaited."""

    async def flush(self, timeout: float | None = None) -> bool:
        """Waits until each queued event is in the log or rejected; returns False after ``timeout`` seconds."""
        return await asyncio.to_thread(self._sender.flush, timeout)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Sends what waits, for at most ``timeout`` seconds, and ends the client."""
        await asyncio.to_thread(self._sender.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@atexit.register
def _close_all() -> None:
    for client in list(_open):
        client._sender.close(CLOSE_TIMEOUT)


def _restart_all_in_child() -> None:
    # A forked child has no sending thread, and the parent sends what waits.
    for client in list(_open):
        client._restart_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_all_in_child)

"""A client of ``/ws`` that reconnects and resumes after the last frame it yielded."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import stamina
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from contracts.errors import TailraceError, UnavailableError
from runtime.access.keys import authorization

LONGEST_DELAY = 2.0
"""Seconds between attempts to reconnect."""
MAX_FRAME = 4 * 1024 * 1024
"""Bytes of a frame: one event can be larger than a usual frame."""

_ENDED = 1000
_REFUSED = {3501, 3503}
_LOST = (OSError, InvalidHandshake, ConnectionClosed)

Frame = dict[str, Any]


class StreamRefusedError(TailraceError):
    """The query service refuses the parameters: change them."""


class QueryUnavailableError(UnavailableError):
    """The query service does not answer: start it, or name its address."""


async def follow(
    url: str, asked: dict[str, Any], on_lost: Callable[[str], None] = lambda reason: None, *, key: str | None = None
) -> AsyncIterator[Frame]:
    """Yields the frames of a stream until it ends. ``asked`` are parameters of ``/ws``.

    A lost connection is made again, without limit; ``on_lost`` gets the reason.

    Raises:
        StreamRefusedError: the service refuses ``asked``.
        QueryUnavailableError: the first connection fails.
    """
    asked = dict(asked)
    connection = await _connect_first(url, asked, key)
    while True:
        try:
            async with connection:
                async for message in connection:
                    frame: Frame = json.loads(message)
                    position = frame["resumed_at"] if frame["kind"] == "gap" else frame["cursor"]
                    yield frame
                    asked["from"] = position
            return  # closed with 1000
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (None, "the connection broke")
            if code == _ENDED:
                return
            if code in _REFUSED:
                raise StreamRefusedError(reason) from None
            on_lost(reason)
        async for attempt in stamina.retry_context(on=_LOST, attempts=None, timeout=None, wait_max=LONGEST_DELAY):
            with attempt:
                connection = await _connect(url, asked, key)


async def _connect_first(url: str, asked: dict[str, Any], key: str | None) -> ClientConnection:
    try:
        return await _connect(url, asked, key)
    except _LOST as error:
        raise QueryUnavailableError(
            f"no query service answers at {url}: start it with `tailrace up`, or set its address with --data-dir or "
            "TAILRACE_QUERY_URL"
        ) from error


async def _connect(url: str, asked: dict[str, Any], key: str | None) -> ClientConnection:
    return await connect(
        f"{url.replace('http', 'ws', 1)}/ws?{httpx.QueryParams(asked)}",
        compression=None,
        max_size=MAX_FRAME,
        additional_headers=authorization(key),
    )

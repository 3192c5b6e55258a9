"""Serves an ASGI app until it is stopped, or until one of its background tasks fails."""

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from contracts.errors import ConfigurationError, ConflictError, TailraceError
from runtime.access.guard import AccessGuard, Rules
from runtime.access.setup import open_access
from runtime.connections import Connections, fit_open_files
from runtime.health import with_warnings
from runtime.http_protocol import bounded_protocol, limit_warnings
from runtime.log.client import LogClient
from runtime.loop_turns import measure_turns
from runtime.peer import UNSENT
from runtime.settings import Settings
from runtime.websocket_protocol import writing_protocol

MAX_READ = 1024 * 1024
"""Bytes of a WebSocket message. A client that sends more may see a reset instead of the reason, since unread bytes
reset the connection."""
GRACE = 2
"""Seconds that open requests and sockets get at shutdown; the process has to end within 5."""


logger = logging.getLogger("tailrace.runtime")


async def serve_http(
    app: Callable[..., Awaitable[None]],
    *,
    settings: Settings,
    port: int,
    rules: Rules,
    log: LogClient | None,
    background: "list[Coroutine[Any, Any, None]] | None" = None,
    on_stop: Callable[[], Awaitable[None]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves ``app`` on ``settings.host`` until SIGINT, SIGTERM or ``stop``, or until a ``background`` task ends.

    Raises that task's error. ``rules`` says which keys the paths need, ``log`` is where the keys are stored
    (``runtime.access``).

    ``on_stop`` runs before uvicorn closes open sockets. It ends endless streams and must return quickly.

    Raises:
        ConflictError: another process listens on the port.
        ConfigurationError: the address can't be listened on, an allowed host or origin is malformed, or there are no
            keys.
    """
    try:
        access, watch = await open_access(settings, rules, log)
        background = [*(background or []), *([watch] if watch else [])]
        listening = _listen(settings.host, port)
    except TailraceError:
        for coroutine in background or []:
            coroutine.close()
        raise
    limit_warnings()
    most = fit_open_files(settings.max_connections)
    limits = Connections(most, settings.max_connections_per_address, settings.trusted_proxies)

    def warnings() -> Iterable[str | None]:
        return limits.warning(), None if log is None else log.clock.difference()

    server = _Server(
        uvicorn.Config(
            with_warnings(AccessGuard(app, access), warnings),
            log_config=None,
            access_log=False,
            lifespan="on",
            http=bounded_protocol(settings, limits),
            ws=writing_protocol(settings, limits),
            ws_max_size=MAX_READ,
            ws_per_message_deflate=False,
            ws_ping_interval=None,  # a pong of a slow client waits behind all that it has not read
            timeout_graceful_shutdown=GRACE,
            server_header=False,
            proxy_headers=settings.trusted_proxies is not None,
            forwarded_allow_ips=settings.trusted_proxies,
        ),
        on_stop,
    )
    host, port = listening.getsockname()[:2]
    logger.info("listening at http://%s:%d", f"[{host}]" if ":" in host else host, port)
    tasks = [asyncio.create_task(coroutine) for coroutine in (measure_turns(), *(background or []))]
    if stop is not None:
        tasks.append(asyncio.create_task(_until_set(stop)))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
        listening.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(serving, *tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _listen(host: str, port: int) -> socket.socket:
    # uvicorn would call sys.exit inside a task if the port is in use
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        listening.bind(address)
    except OSError as error:
        failure = ConflictError if error.errno == errno.EADDRINUSE else ConfigurationError
        raise failure(f"{host}:{port} can't be listened on: {error.strerror or error}") from None
    listening.setblocking(False)
    return listening


async def _until_set(stop: asyncio.Event) -> None:
    await stop.wait()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: Any = None) -> None:
        if self._on_stop is not None:
            await self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again at its end, which would kill the process before its caller cleans up
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

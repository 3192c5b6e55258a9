"""Limits a service's connections, in all and per client address, so that `/health` is answered beyond the limits."""

import logging
import resource
import time
from asyncio import Transport
from collections import Counter
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import _TrustedHosts

from runtime.problems import problem

SPARE = 32
"""Connections beyond the limits, for `/health`; a newer one ends the oldest."""
SPARE_TIMEOUT = 2.0
"""Seconds in which a request on such a connection has to arrive."""
REFUSING = 60.0
"""Seconds after a refusal until it is no longer a problem."""
TOO_MANY = "the service has as many connections as its limits permit: connect again a little later"
OTHER_FILES = 128
"""Open files besides connections: servers, logs, and the spare connections."""

logger = logging.getLogger("tailrace.runtime")
refusals = logging.getLogger("uvicorn.error")


class Connections:
    """The open connections of one service."""

    def __init__(self, most: int, most_per_address: int, trusted_proxies: str | None = None) -> None:
        """``trusted_proxies`` are addresses without a limit of their own, since many clients share them."""
        self._most = most
        self._most_per_address = most_per_address
        self._trusted = _TrustedHosts(trusted_proxies or [])
        self._open: dict[Transport, str] = {}
        self._of_address: Counter[str] = Counter()
        self._spare: dict[Transport, None] = {}  # oldest first
        self._refusing_since = self._refused_at = 0.0
        self._refused_address: str | None = None

    def open(self, transport: Transport) -> bool:
        """Counts a new connection. Returns False if it is a spare one, beyond the limits."""
        address = str((transport.get_extra_info("peername") or ("",))[0])
        if len(self._open) < self._most and (
            self._of_address[address] < self._most_per_address or address in self._trusted
        ):
            self._open[transport] = address
            self._of_address[address] += 1
            return True
        self._refused(address)
        self._spare[transport] = None
        if len(self._spare) > SPARE:
            next(iter(self._spare)).abort()
            del self._spare[next(iter(self._spare))]
        return False

    def _refused(self, address: str) -> None:
        refusals.warning("the limit of connections is reached: new ones are refused")
        now = time.time()
        if not self._is_refusing(now):
            self._refusing_since = now
        self._refused_at = now
        self._refused_address = None if len(self._open) >= self._most else address

    def _is_refusing(self, now: float) -> bool:
        return now - self._refused_at < REFUSING or (self._refused_at > 0 and len(self._open) >= self._most)

    def warning(self) -> str | None:
        """Returns a sentence if connections were refused within ``REFUSING`` seconds, or all are still taken."""
        if not self._is_refusing(time.time()):
            return None
        since = datetime.fromtimestamp(self._refusing_since, UTC)
        limit = f"all {self._most:,} are taken; raise TAILRACE_MAX_CONNECTIONS"
        if (address := self._refused_address) is not None:
            limit = f"{address} has {self._most_per_address:,}; raise TAILRACE_MAX_CONNECTIONS_PER_ADDRESS"
        return f"connections are refused since {since:%Y-%m-%d %H:%M:%S} UTC: {limit}, or find out who opens them"

    def close(self, transport: Transport) -> None:
        """Forgets a connection that has ended."""
        self._spare.pop(transport, None)
        address = self._open.pop(transport, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]


class OnlyHealth:
    """Answers `/health` as ``app`` does, refuses anything else, and ends the connection after one answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if not scope["path"].startswith("/health"):
            headers = {"Retry-After": "1", "Connection": "close"}
            await problem(503, "Too many connections", TOO_MANY, headers=headers)(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, send_last)


def fit_open_files(most: int) -> int:
    """Raises the process's limit of open files for ``most`` connections; returns how many fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            fitting = max(soft - OTHER_FILES, 1)
            logger.warning("%d open files permit %d connections, not %d: raise `ulimit -n`", soft, fitting, most)
            return fitting
    return most

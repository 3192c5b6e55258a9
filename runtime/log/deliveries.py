"""Deliveries of a pull consumer: log entries, and the statuses of its pull requests.

The reply subject of a delivery names its place: ``$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer
sequence>.<time>.<pending>`` has 9 tokens; with a domain and an account behind ``ACK`` it has 11 or more.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError

ACK_PREFIX = b"$JS.ACK."
_STATUS_LINE = re.compile(rb"NATS/1\.0[ \t]+(\d{3})[ \t]*([^\r\n]*)")


class Status(NamedTuple):
    """A status about a pull request: its ``subject`` names the request, ``received`` counts deliveries before it."""

    subject: str
    code: int
    text: str
    received: int


class Deliveries:
    """Collects what one subscription receives, in order, until its reader takes it. One task waits at a time."""

    def __init__(self, pending: int = 0) -> None:
        """``pending`` is the number of entries that the consumer has to deliver."""
        self.entries: list[LogEntry] = []
        self.statuses: list[Status] = []
        self.failure: LogUnavailableError | None = None
        """A delivery that was lost; ``entries`` end before it."""
        self.last_reply = b""
        """The reply subject of the newest delivery. Code that appends to ``entries`` sets it, then calls ``flush``."""
        self.is_flushed = True
        self._pending = pending
        self._taken = 0
        self._checked = 0  # entries that are known to be without a loss
        self._wanted = 1
        self._waiter: asyncio.Future[None] | None = None

    @property
    def received(self) -> int:
        """Number of deliveries so far."""
        return self._taken + len(self.entries)

    @property
    def pending(self) -> int:
        """Number of entries that the consumer has not delivered, as of its newest delivery."""
        return self._pending

    def flush(self) -> None:
        """Checks what was appended since the last call, and wakes the reader if it has what it waits for.

        Consecutive entries of a filtered consumer need not have consecutive sequences, so only the numbers of the
        deliveries show that one was lost, or that the consumer started over.
        """
        if not self.is_flushed and self.failure is None:
            number, self._pending = _numbers(self.last_reply)
            if number != self.received:
                new = len(self.entries) - self._checked
                self.failure = LogUnavailableError(
                    f"reading the log failed: delivery {self._taken + self._checked + 1} was lost, "
                    f"number {number - new + 1} came"
                )
        self.is_flushed = True
        if self.failure is not None:
            del self.entries[self._checked :]
        self._checked = len(self.entries)
        if self._waiter is not None and not self._waiter.done() and self._is_worth_waking():
            self._waiter.set_result(None)

    def add_status(self, subject: str, code: int, text: str) -> None:
        """Adds a status and wakes the reader."""
        self.statuses.append(Status(subject, code, text, self.received))
        self.flush()

    def add_status_block(self, subject: str, headers: bytes) -> None:
        """Adds the status in a header block; a block without one is ignored."""
        if line := _STATUS_LINE.match(headers):
            self.add_status(subject, int(line[1]), line[2].decode(errors="replace").strip())

    def add_message(self, subject: str, reply: str, headers: Mapping[str, str] | None, payload: bytes) -> None:
        """Adds a message as nats-py delivers it to a callback."""
        if reply.startswith(ACK_PREFIX.decode()):
            self.entries.append(entry_from(reply, headers, payload))
            self.last_reply = reply.encode()
            self.is_flushed = False
            self.flush()
        elif headers and headers.get("Status", "").isdigit():
            self.add_status(subject, int(headers["Status"]), headers.get("Description", ""))

    async def wait(self, wanted: int, timeout: float) -> None:
        """Waits for ``wanted`` entries, the consumer's last one, a status or a failure, at most ``timeout`` seconds."""
        self._wanted = wanted
        if self._is_worth_waking():
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._waiter
        finally:
            self._waiter = None

    def take(self, limit: int) -> list[LogEntry]:
        """Removes and returns up to ``limit`` entries."""
        taken, self.entries = self.entries[:limit], self.entries[limit:]
        self._taken += len(taken)
        self._checked = max(self._checked - len(taken), 0)
        return taken

    def _is_worth_waking(self) -> bool:
        if self.statuses or self.failure is not None:
            return True
        return bool(self.entries) and (len(self.entries) >= self._wanted or self._pending == 0)


def entry_from(reply: str, headers: Mapping[str, str] | None, payload: bytes) -> LogEntry:
    """Returns the entry of a delivered message, whose place its reply subject names."""
    tokens = reply.split(".")
    seq, time_ns = (5, 7) if len(tokens) == 9 else (7, 9)
    get = (headers or {}).get
    return LogEntry(int(tokens[seq]), int(tokens[time_ns]), get("Nats-Msg-Id", ""), payload, get("traceparent", ""))


def _numbers(reply: bytes) -> tuple[int, int]:
    """Returns a delivery's number among those of its consumer, from 1, and how many are pending behind it."""
    tokens = reply.split(b".")
    number, pending = (6, 8) if len(tokens) == 9 else (8, 10)
    return int(tokens[number]), int(tokens[pending])

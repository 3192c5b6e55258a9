"""Supervision of work that runs until it is stopped: signals, waiting, and retries with backoff."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from contracts.errors import UnavailableError

FIRST_DELAY = 0.2
LONGEST_DELAY = 1.0
"""Seconds between retries: the delay doubles. Work continues within 2 s of the return of what it needs."""

_T = TypeVar("_T")


def stop_on_signals() -> asyncio.Event:
    """Returns an event that SIGINT or SIGTERM sets; from now on they no longer end the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def sleep_until_stop(stop: asyncio.Event, seconds: float) -> None:
    """Waits until ``stop`` is set, but at most ``seconds``."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def unless_stopped(work: "Coroutine[Any, Any, _T]", stop: asyncio.Event, grace: float = 0.0) -> _T | None:
    """Returns the result of ``work``; None if ``stop`` is set and ``work`` does not end within ``grace`` seconds."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=grace)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


class Outage:
    """Logs an outage's errors and its end. A message that repeats is logged once per outage."""

    def __init__(self, logger: logging.Logger, prefix: str, recovered: str = "") -> None:
        """``prefix`` starts every warning; ``recovered`` is logged at the end, unless it is empty."""
        self._logger = logger
        self._prefix = prefix
        self._recovered = recovered
        self._logged: set[str] = set()

    def report(self, error: Exception) -> None:
        """Logs an error as a warning, unless this outage has already logged its message."""
        message = str(error) or type(error).__name__
        if message not in self._logged:
            self._logger.warning("%s: %s", self._prefix, message)
        self._logged.add(message)

    def end(self) -> None:
        """Ends the outage, if there is one."""
        if self._logged and self._recovered:
            self._logger.info("%s", self._recovered)
        self._logged.clear()


async def retry(
    work: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    outage: Outage,
    first: float = FIRST_DELAY,
    longest: float = LONGEST_DELAY,
) -> None:
    """Runs ``work`` until it returns, or until ``stop`` is set while it waits for the next try.

    Errors of the types ``on`` are reported to ``outage`` and retried; others are raised. Work that ran for more than
    ``longest`` seconds ended the outage before it: the delay starts at ``first`` again.
    """
    delay = first
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        started = loop.time()
        try:
            await work()
            return
        except on as error:
            if loop.time() - started > longest:
                delay = first
                outage.end()
            outage.report(error)
        await sleep_until_stop(stop, delay)
        delay = min(delay * 2, longest)


async def run_through_outages(work: Callable[[], Awaitable[None]], outage: Outage) -> None:
    """Runs a service, and runs it again after each ``UnavailableError``, until it returns.

    SIGINT and SIGTERM end the waits in between. While the service runs, they are its own.
    """
    while True:
        try:
            await work()
            return
        except UnavailableError as error:
            outage.report(error)
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        stop = stop_on_signals()
        await sleep_until_stop(stop, LONGEST_DELAY)
        for number, handler in before.items():
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, handler)
        if stop.is_set():
            return

"""Sends the mock shop's events at their pace, and waits while the command service can't take them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from contracts.errors import ConfigurationError
from runtime.supervise import sleep_until_stop
from tailrace.command_client import Answer, CommandClient, CommandUnavailableError
from tailrace.producer.backlog import Backlog
from tailrace.producer.source import EventSource

TICK = 0.1
"""Seconds between batches, so a batch at a rate of 10/s is one event."""
MAX_BATCH = 500
_STOP_GRACE = 0.4
"""Seconds an answer may still take when the producer is told to stop: it is the first of several to end in 5."""

_log = logging.getLogger("tailrace.producer")
_T = TypeVar("_T")


async def produce(
    *,
    command_url: str,
    rate: float,
    count: int | None,
    seed: int | None,
    stop: asyncio.Event,
    on_sent: Callable[[int], None] | None = None,
) -> int:
    """Sends about ``rate`` events a second until ``stop`` is set or ``count`` are sent.

    ``on_sent`` is told how many events each batch brought into the log. While the command service can't take events,
    a bounded number waits for it; each is sent until it is in the log.

    Returns:
        How many events were brought into the log.

    Raises:
        ConfigurationError: the address, the rate or the count makes no sense.
        TailraceError: the command service refuses requests as such.
    """
    if not 0 < rate <= 1_000_000:
        raise ConfigurationError(f"the rate is {rate:g} events a second, expected more than 0 and at most 1,000,000")
    if count is not None and count < 0:
        raise ConfigurationError(f"the count is {count}, expected 0 or more")
    outage = _Outage()
    backlog = Backlog(EventSource(seed, datetime.now(UTC), rate=rate), count)
    accepted = 0
    async with CommandClient(command_url, on_retry=outage.report) as client:
        while not stop.is_set() and not backlog.finished:
            batch = backlog.due(datetime.now(UTC), MAX_BATCH)
            if batch:
                try:
                    answer = await _unless_stopped(client.send(batch), stop)
                except CommandUnavailableError:
                    continue  # it was tried for a minute, with pauses; the same batch again
                if answer is None:
                    break
                outage.over()
                backlog.drop(len(batch))
                accepted += answer.accepted
                _report_refused(answer)
                if on_sent is not None:
                    on_sent(answer.accepted)
            if len(batch) < MAX_BATCH:
                await sleep_until_stop(stop, TICK)
    return accepted


class _Outage:
    """Says once that the command service is away, and once that it is back."""

    def __init__(self) -> None:
        self._on = False

    def report(self, error: CommandUnavailableError) -> None:
        if not self._on:
            self._on = True
            _log.warning("%s; events wait", error)

    def over(self) -> None:
        if self._on:
            self._on = False
            _log.info("the command service takes events again")


def _report_refused(answer: Answer) -> None:
    if answer.rejected:
        first = answer.rejected[0]
        _log.warning("%d events were refused, the first: %s: %s", len(answer.rejected), first.code, first.message)


async def _unless_stopped(work: Coroutine[Any, Any, _T], stop: asyncio.Event) -> _T | None:
    """What ``work`` returns, or None when ``stop`` was set and it did not end soon."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=_STOP_GRACE)
        return task.result() if task.done() else None
    finally:
        stopped.cancel()
        task.cancel()

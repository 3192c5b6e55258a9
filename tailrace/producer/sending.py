"""Sends the mock shop's events at their rate, and waits while the command service can't accept them."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from contracts.errors import ConfigurationError
from runtime.supervise import sleep_until_stop, unless_stopped
from tailrace.command_client import Answer, CommandClient, CommandUnavailableError
from tailrace.producer.backlog import Backlog
from tailrace.producer.source import EventSource

TICK = 0.1
"""Seconds between batches: at 10 events/s a batch is one event."""
MAX_BATCH = 500
_STOP_GRACE = 0.4
"""Seconds to wait for an answer after a stop: `up` stops the producer first, and everything within 5."""

_log = logging.getLogger("tailrace.producer")


async def produce(
    *,
    command_url: str,
    key: str | None = None,
    rate: float,
    count: int | None,
    seed: int | None,
    stop: asyncio.Event,
    on_sent: Callable[[int], None] | None = None,
) -> int:
    """Sends about ``rate`` events a second until ``stop`` is set or ``count`` are sent.

    ``on_sent`` gets the number of logged events of each batch. While the command service can't accept events, a bounded
    number waits; each is retried until it is in the log.

    Returns:
        The number of events that are in the log.

    Raises:
        ConfigurationError: the address, the rate or the count is not valid.
        TailraceError: the command service refuses whole requests.
    """
    if not 0 < rate <= 1_000_000:
        raise ConfigurationError(f"the rate is {rate:g} events a second, expected more than 0 and at most 1,000,000")
    if count is not None and count < 0:
        raise ConfigurationError(f"the count is {count}, expected 0 or more")
    outage = _Outage()
    backlog = Backlog(EventSource(seed, datetime.now(UTC), rate=rate), count)
    accepted = 0
    async with CommandClient(command_url, key=key, on_retry=outage.report) as client:
        while not stop.is_set() and not backlog.finished:
            batch = backlog.due(datetime.now(UTC), MAX_BATCH)
            if batch:
                try:
                    answer = await unless_stopped(client.send(batch), stop, grace=_STOP_GRACE)
                except CommandUnavailableError:
                    continue  # retried for a minute; the same batch again
                if answer is None:
                    break
                outage.over()
                backlog.drop(len(batch))
                accepted += answer.accepted
                _report_rejected(answer)
                if on_sent is not None:
                    on_sent(answer.accepted)
            if len(batch) < MAX_BATCH:
                await sleep_until_stop(stop, TICK)
    return accepted


class _Outage:
    """Logs once per outage of the command service, and its end."""

    def __init__(self) -> None:
        self._on = False

    def report(self, error: CommandUnavailableError) -> None:
        if not self._on:
            self._on = True
            _log.warning("%s; events wait", error)

    def over(self) -> None:
        if self._on:
            self._on = False
            _log.info("the command service accepts events again")


def _report_rejected(answer: Answer) -> None:
    if answer.rejected:
        first = answer.rejected[0]
        _log.warning("%d events were rejected, the first: %s: %s", len(answer.rejected), first.code, first.message)

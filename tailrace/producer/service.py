"""The producer as a service: ``tailrace produce``."""

import asyncio
import logging
import time
from contextlib import suppress

import stamina.instrumentation

from runtime.settings import Settings
from runtime.supervise import sleep_until_stop, stop_on_signals
from tailrace.endpoints import service_url
from tailrace.producer.sending import produce

REPORT_EVERY = 10.0

_log = logging.getLogger("tailrace.producer")


async def serve(settings: Settings, rate: float, count: int | None, seed: int | None) -> None:
    """Produces events until SIGINT or SIGTERM, or until ``count`` are sent (None: without end).

    Raises:
        what ``produce`` raises.
    """
    stamina.instrumentation.set_on_retry_hooks([])  # outages are logged once
    stop = stop_on_signals()
    url = service_url(settings, "command")
    sent = _Sent()
    reporting = asyncio.create_task(_report(sent, stop))
    _log.info("sending about %g events per second to %s", rate, url)
    try:
        await produce(
            key=settings.write_key, command_url=url, rate=rate, count=count, seed=seed, stop=stop, on_sent=sent.add
        )
    finally:
        reporting.cancel()
        with suppress(asyncio.CancelledError):
            await reporting
        _log.info("sent %s events in total", f"{sent.total:,}")


class _Sent:
    total = 0

    def add(self, count: int) -> None:
        self.total += count


async def _report(sent: _Sent, stop: asyncio.Event) -> None:
    before, then = 0, time.monotonic()
    while True:
        await sleep_until_stop(stop, REPORT_EVERY)
        if stop.is_set():
            return
        now = time.monotonic()
        _log.info("sent %s events, %.1f/s", f"{sent.total:,}", (sent.total - before) / (now - then))
        before, then = sent.total, now

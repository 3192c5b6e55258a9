"""Stopping when asked, and pausing between tries without missing the stop."""

import asyncio
import signal
from contextlib import suppress


def stop_event() -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets, from now on and instead of ending the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits ``seconds``, or less when ``stop`` is set."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

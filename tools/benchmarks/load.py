"""``python -m tools.benchmarks.load RATE``: appends so many events a second to the log until SIGTERM.

A process of its own, so that making events costs the measuring one nothing.
"""

import asyncio
import sys
import time
from itertools import islice

from command.appender import BATCH
from runtime.settings import Settings, load_settings
from runtime.supervise import sleep_until_stop, stop_on_signals
from tools.benchmarks.traffic import Traffic, append, appending

TICK = 0.05
USERS = 50_000
SEED = 0
"""Other events than those that the log was filled with."""


async def serve(settings: Settings, rate: float) -> None:
    """Appends ``rate`` events a second that happen now."""
    stop = stop_on_signals()
    traffic = Traffic(users=USERS, days=0, seed=SEED)
    async with appending(settings) as appender:
        began, sent = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began) * rate) - sent
            if due:
                messages = list(islice(traffic, min(due, BATCH)))
                await append(appender, messages)
                sent += len(messages)
            if due < BATCH:
                await sleep_until_stop(stop, TICK)


if __name__ == "__main__":
    asyncio.run(serve(load_settings(), float(sys.argv[1])))

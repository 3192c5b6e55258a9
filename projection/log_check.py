"""Reads the log here and there, so that its server notices blocks that are damaged.

nats-server examines a block only when it loads it. Until then it counts entries that it has lost, and nothing shows the
loss; afterwards ``tailrace status`` finds fewer entries than sequences.
"""

import asyncio
import logging
import random
from collections.abc import Iterator

from contracts.entries import LogState
from contracts.errors import LogUnavailableError
from migrations.pipeline import find_losses
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError
from runtime.supervise import Outage

INTERVAL = 2.0
"""Seconds between two entries; each makes the server load a block of 8 MiB at most, which it forgets soon."""
STEP_BYTES = 4 * 1024**2
"""Bytes of the log between two entries: half a block."""

logger = logging.getLogger("tailrace.projection")


async def check_forever(client: LogClient) -> None:
    """Checks the log from a random entry on, again and again; logs what is lost."""
    outage = Outage(logger, "the log is damaged", recovered="the log has all its entries")
    while True:
        try:
            await check_once(client, outage)
        except (LogUnavailableError, JetStreamApiError) as error:
            logger.debug("the log was not checked: %s", error)
        await asyncio.sleep(INTERVAL)


async def check_once(client: LogClient, outage: Outage) -> None:
    """Reads an entry of each block of the log, and reports losses that are not recorded.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    for seq in _sequences(await client.state()):
        await client.get(seq)
        if losses := find_losses(await client.state()):
            outage.report(LogUnavailableError("; ".join(losses)))
        await asyncio.sleep(INTERVAL)


def _sequences(state: LogState) -> Iterator[int]:
    """Yields entries ``STEP_BYTES`` apart; another pass meets others, since blocks have different entries."""
    step = max(STEP_BYTES * state.entries // max(state.bytes, 1), 1)
    yield from range(state.first_seq + random.randrange(step), state.last_seq + 1, step)

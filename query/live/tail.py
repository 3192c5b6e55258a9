"""Follows the end of the log, once for all clients of a process."""

import asyncio
import logging
from collections.abc import Callable

from contracts.entries import gaps_between
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from contracts.upcasting import Upcasters
from query.live.bounds import read_log_ends
from query.live.encoding import encode_entries
from query.live.ring import Ring
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.supervise import Outage

COLLECT = 0.005
"""Seconds between two reads, at least: entries that arrive together become one frame."""
MAX_COLLECT = 0.02
BATCH = 500
CLIENTS_PER_TURN = 100
"""Clients that are notified in one turn of the event loop."""
WAIT = 1.0
"""Seconds that one read waits for a first entry."""
RETRY_INTERVAL = 0.5
"""Seconds between attempts while the log does not answer."""

logger = logging.getLogger("tailrace.query")


class Tail:
    """Keeps ``ring`` at the end of the log and notifies clients."""

    def __init__(self, log: LogClient, size: int, upcasters: Upcasters) -> None:
        self.ring: Ring | None = None
        """None until the log has answered, and between two histories."""
        self.upcasters = upcasters
        self._log = log
        self._size = size
        self._subscribers: set[Callable[[], None]] = set()
        self._outage = Outage(logger, "live clients wait for the log", recovered="live clients receive events again")

    def subscribe(self, on_entries: Callable[[], None]) -> None:
        """Calls ``on_entries`` whenever the ring has grown or was replaced, until ``unsubscribe``."""
        self._subscribers.add(on_entries)

    def unsubscribe(self, on_entries: Callable[[], None]) -> None:
        """Stops calling ``on_entries``."""
        self._subscribers.discard(on_entries)

    async def run(self) -> None:
        """Follows the log until cancelled, through outages, lost entries and other histories."""
        while True:
            try:
                await self._follow()
            except LogUnavailableError as error:
                self._outage.report(error)
                await asyncio.sleep(RETRY_INTERVAL)
            except (ForeignHistoryError, LostEntriesError) as error:
                logger.error("live clients receive a gap: %s", error)
                # they read past it on their own, and join the next ring, which starts at the end of the log
                self.ring = None
                await self._notify()

    async def _follow(self) -> None:
        if self.ring is None:
            self.ring = Ring((await read_log_ends(self._log)).end, self._size)
            await self._notify()
        ring = self.ring
        reader = LogReader(self._log, ring.end)
        clock = asyncio.get_running_loop().time
        try:
            while True:
                entries = await reader.read(BATCH, WAIT)
                self._outage.end()
                if not entries:
                    continue
                gaps = gaps_between(ring.end.seq, entries)
                ring.extend(encode_entries(entries, gaps, ring.end.epoch, self.upcasters))
                started = clock()
                await self._notify()
                if len(entries) < BATCH:
                    # with many clients, sending takes at most half of the time
                    await asyncio.sleep(min(max(COLLECT, clock() - started), MAX_COLLECT))
        finally:
            await reader.close()

    async def _notify(self) -> None:
        for number, on_entries in enumerate(tuple(self._subscribers), 1):
            on_entries()
            if number % CLIENTS_PER_TURN == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)

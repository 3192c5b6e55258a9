"""The one reader of the log's end, for all clients of a process."""

import asyncio
import logging
from collections.abc import Sequence

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_between
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from contracts.upcasting import Upcasters
from query.live.frames import Item, encode_entry
from query.live.places import log_ends
from query.live.ring import Ring
from runtime.log.client import LogClient
from runtime.log.reader import LogReader

TICK = 0.005
"""Seconds that entries are collected before clients hear of them: what is due together becomes one frame."""
BATCH = 500
WAIT = 1.0
"""Seconds one read waits for a first entry."""
PAUSE = 0.5
"""Seconds between tries while the log does not answer."""

logger = logging.getLogger("tailrace.query")


class Tail:
    """Keeps ``ring`` at the log's end and wakes who waits."""

    def __init__(self, log: LogClient, size: int, upcasters: Upcasters) -> None:
        self.ring: Ring | None = None
        """None until the log has answered, and between one history and the next."""
        self._log = log
        self._size = size
        self._upcasters = upcasters
        self._woken: set[asyncio.Event] = set()
        self._waiting = False

    def wake(self, event: asyncio.Event) -> None:
        """Sets ``event`` whenever the ring has grown or was replaced, until ``forget``."""
        self._woken.add(event)

    def forget(self, event: asyncio.Event) -> None:
        """No longer sets ``event``."""
        self._woken.discard(event)

    def encode(self, entries: Sequence[LogEntry], epoch: str, gaps: Sequence[Gap]) -> list[Item]:
        """Entries as they appear in frames, and among them the recorded gaps of the log.

        A client's history looks like what the ring brings it.
        """
        items = [encode_entry(entry, epoch, self._upcasters) for entry in entries]
        for gap in gaps:
            lost = f"the log's entries {gap.first} to {gap.last} are gone, and recorded as lost"
            items.append(Item(Cursor(epoch, gap.last), "", lost))
        return sorted(items, key=lambda item: item.cursor.seq) if gaps else items

    async def run(self) -> None:
        """Follows the log for ever: through outages, holes and other histories."""
        while True:
            try:
                await self._follow()
            except LogUnavailableError as error:
                if not self._waiting:
                    logger.warning("live clients wait: %s", error)
                self._waiting = True
                await asyncio.sleep(PAUSE)
            except (ForeignHistoryError, LostEntriesError) as error:
                logger.error("live clients are told of a gap: %s", error)
                # they read what is behind it by themselves, and join the next ring, which begins at the log's end
                self.ring = None
                self._wake()

    async def _follow(self) -> None:
        """Reads on until something is wrong, which is raised."""
        if self.ring is None:
            self.ring = Ring((await log_ends(self._log)).end, self._size)
            self._wake()
        ring = self.ring
        reader = LogReader(self._log, ring.end)
        try:
            while True:
                entries = await reader.read(BATCH, WAIT)
                if self._waiting:
                    logger.info("live clients get events again")
                    self._waiting = False
                if not entries:
                    continue
                ring.extend(self.encode(entries, ring.end.epoch, gaps_between(ring.end.seq, entries)))
                self._wake()
                if len(entries) < BATCH:
                    await asyncio.sleep(TICK)
        finally:
            await reader.close()

    def _wake(self) -> None:
        for event in self._woken:
            event.set()

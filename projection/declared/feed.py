"""Reads and decodes the log once for all projections that keep up."""

import asyncio
from collections import deque

from contracts.cursors import Cursor
from projection.declared.batch import SharedBatch
from projection.declared.source import Source

BUFFERED = 2
"""Batches that wait for the slower projections; one that is further behind reads for itself."""
GROUP_TIMEOUT = 1.0
"""Seconds that the faster projections wait before a slower one leaves the group."""
LINGER = 0.1
"""Seconds between two small batches: each costs every projection a transaction."""
READ_TIMEOUT = 1.0
POLL_INTERVAL = 0.01


class Feed:
    """The last batches of the log. Projections take them in order; nothing is read before one asks for it."""

    def __init__(self, source: Source, batch_size: int) -> None:
        self._source = source
        self._batch_size = batch_size
        self._batches: deque[SharedBatch] = deque()
        self._grown = asyncio.Event()
        self._wanted = asyncio.Event()
        self._members: dict[object, int] = {}

    @property
    def end(self) -> Cursor:
        """The end of the last batch."""
        return self._source.position

    def covers(self, position: int) -> bool:
        """Whether what follows a position is buffered, or not read yet."""
        first = self._batches[0].behind if self._batches else self.end
        return position >= first.seq

    async def next(self, member: object, position: int, wait: float) -> SharedBatch | None:
        """Returns the batch that follows a covered position; None if none comes within ``wait`` seconds."""
        self._members[member] = position
        for batch in self._batches:
            if batch.position.seq > position:
                return batch
        self._wanted.set()
        grown = self._grown
        try:
            async with asyncio.timeout(wait):
                await grown.wait()
        except TimeoutError:
            return None
        return next((batch for batch in self._batches if batch.position.seq > position), None)

    def leave(self, member: object) -> None:
        """Forgets a member."""
        self._members.pop(member, None)

    def wake(self) -> None:
        """Ends every wait for a batch."""
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until ``stop`` is set; raises what ``Source.read`` raises."""
        while not stop.is_set():
            await self._wanted.wait()
            batch = await self._source.read(self._batch_size, READ_TIMEOUT)
            if batch is None:
                continue
            if len(self._batches) == BUFFERED:
                await self._wait_for_members(self._batches[0].position.seq)
                self._batches.popleft()
            self._batches.append(batch)
            self._wanted.clear()
            self.wake()
            if batch.size < self._batch_size:
                await asyncio.sleep(LINGER)

    async def close(self) -> None:
        """Closes the reader."""
        await self._source.close()

    async def _wait_for_members(self, seq: int) -> None:
        deadline = asyncio.get_running_loop().time() + GROUP_TIMEOUT
        while any(position < seq for position in self._members.values()):
            if asyncio.get_running_loop().time() > deadline:
                for member in [one for one, position in self._members.items() if position < seq]:
                    self.leave(member)
                return
            await asyncio.sleep(POLL_INTERVAL)

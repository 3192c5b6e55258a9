"""Reads the log in order from a position, each entry once, and notices when it is not the log it was.

There are no acknowledgements and no state in the server: whoever reads keeps the position. The consumer is made anew
whenever anything is in doubt (a reconnect, an error, a jump in the sequence, a long silence), and before it is, the
position is compared with the log.
"""

import time

from tailrace.contracts.cursors import Cursor, marks_agree
from tailrace.contracts.entries import LogEntry, LogState
from tailrace.contracts.errors import ForeignHistoryError, LogHoleError
from tailrace.runtime.log.client import Fetcher, LogClient

SILENCE = 5.0
"""Seconds without an entry after which the log's end is asked for: a deleted consumer makes no noise."""


async def verify_position(client: LogClient, position: Cursor) -> LogState:
    """Compares a position with the log.

    Raises:
        ForeignHistoryError: the log is another one, was cut behind the position, or holds something else there.
        LogHoleError: what follows the position is gone from the log's beginning.
        LogUnavailableError: the log does not answer.
    """
    state = await client.state()
    if state.epoch != position.epoch:
        raise ForeignHistoryError(
            f"the log's epoch is {state.epoch or 'not set'}, but the position {position} is of another log"
        )
    if position.seq > state.last_seq:
        raise ForeignHistoryError(
            f"the log ends at sequence {state.last_seq}, before the position {position}: it lost what was already read"
        )
    if position.seq + 1 < state.first_seq:
        raise LogHoleError(
            position.seq + 1,
            state.first_seq - 1,
            f"the log begins at sequence {state.first_seq}; what follows the position {position} is gone",
        )
    if position.seq >= state.first_seq and position.mark:
        entry = await client.get(position.seq)
        if entry is None:
            raise LogHoleError(position.seq, position.seq, f"the log holds nothing at the position {position}")
        found = entry.cursor(state.epoch)
        if not marks_agree(found.mark, position.mark):
            raise ForeignHistoryError(
                f"the log holds another message at sequence {position.seq}: {found}, not {position}; "
                "it was put back from an older copy and has grown again"
            )
    return state


class LogReader:
    """Yields the log's entries in order, beginning behind ``position``. One task reads at a time."""

    def __init__(self, client: LogClient, position: Cursor) -> None:
        self.position = position
        """What has been read; ``read`` moves it."""
        self._client = client
        self._fetcher: Fetcher | None = None
        self._generation = -1
        self._jumped_at = 0  # the sequence that was missing before the consumer was made anew
        self._heard = time.monotonic()

    async def read(self, limit: int, wait: float) -> list[LogEntry]:
        """The next 1 to ``limit`` entries, without a gap; [] after about ``wait`` seconds without one.

        Raises:
            ForeignHistoryError: the log is not the one the position was taken from.
            LogHoleError: the next entry is gone for good: it was missing twice.
            LogUnavailableError: the log does not answer; calling again goes on where it was.
        """
        if self._fetcher is None or self._generation != self._client.generation:
            await self._restart()
        fetcher = self._fetcher
        assert fetcher is not None
        generation = self._generation
        try:
            entries = await fetcher.fetch(limit, wait)
        except BaseException:
            # what was on its way is lost to this consumer: the next one begins behind the position
            self._fetcher = None
            raise
        if self._client.generation != generation:
            self._fetcher = None  # what came may be of another history; compare first
            return []
        if not entries:
            await self._check_silence()
            return []
        self._heard = time.monotonic()
        return self._contiguous(entries)

    async def close(self) -> None:
        """Ends the consumer."""
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None

    def _contiguous(self, entries: list[LogEntry]) -> list[LogEntry]:
        wanted = self.position.seq + 1
        if entries[0].seq == wanted and entries[-1].seq == wanted + len(entries) - 1:
            good = entries  # sequences rise, so the ends tell
        else:
            good = [entry for offset, entry in enumerate(entries) if entry.seq == wanted + offset]
            self._fetcher = None
        if good:
            self._jumped_at = 0
            self.position = good[-1].cursor(self.position.epoch)
        elif self._jumped_at == wanted and entries[0].seq > wanted:
            last = entries[0].seq - 1
            raise LogHoleError(
                wanted, last, f"the log's entries {wanted} to {last} are gone: a gap that was there twice when read"
            )
        else:
            self._jumped_at = wanted
        return good

    async def _restart(self) -> None:
        if self._fetcher is not None:
            await self._fetcher.close()
            self._fetcher = None
        generation = self._client.generation
        await verify_position(self._client, self.position)
        self._fetcher = await self._client.fetch_from(self.position.seq + 1)
        self._generation = generation
        self._heard = time.monotonic()

    async def _check_silence(self) -> None:
        if time.monotonic() - self._heard < SILENCE:
            return
        state = await verify_position(self._client, self.position)
        if state.last_seq > self.position.seq and self._fetcher is not None:
            await self._fetcher.close()  # there is more, yet nothing came: the consumer is gone
            self._fetcher = None
        self._heard = time.monotonic()

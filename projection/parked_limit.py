"""Stops the projector when so many entries are parked that the events are unlikely to be the cause."""

from collections import deque

from contracts.errors import TooManyParkedError
from projection.batch import Batch

WINDOW = 1_000
"""Entries that the share is computed over."""


class ParkedLimit:
    """Limits the share of parked entries among the last ones."""

    def __init__(self, ratio: float, minimum: int) -> None:
        self._ratio = ratio
        self._minimum = minimum
        self._recent: deque[tuple[int, int]] = deque()  # (entries, parked) of a batch
        self._entries = 0
        self._parked = 0

    def check(self, batch: Batch) -> None:
        """Counts a batch before it is committed.

        Raises:
            TooManyParkedError: with this batch more than the ratio, and at least the minimum, is parked.
        """
        self._recent.append((len(batch.entries), len(batch.parked)))
        self._entries += len(batch.entries)
        self._parked += len(batch.parked)
        while self._entries - self._recent[0][0] >= WINDOW:
            entries, parked = self._recent.popleft()
            self._entries -= entries
            self._parked -= parked
        if self._parked >= self._minimum and self._parked > self._ratio * self._entries:
            example = batch.parked[0] if batch.parked else None
            because = f"; sequence {example.entry.seq}: {example.reason}" if example else ""
            raise TooManyParkedError(
                f"{self._parked} of the last {self._entries} log entries can't be projected{because}. "
                "That is more than a few bad events, so the projector stops instead of parking them all: "
                "fix the cause, or set TAILRACE_PARKED_STOP_RATIO=1 to park them"
            )

"""The original pace of events, times a factor."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from query.live.frames import Item
from query.live.requests import MAX_WAIT, Clock

TOLERANCE = 0.005
"""Seconds: an item that is due this soon is due now."""


class Pacer:
    """Decides when each item of a stream is due.

    ``start`` is the time the client asked to start from; without it the first item is due at once.
    """

    def __init__(
        self, speed: float, clock: Clock, start: datetime | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._speed = speed
        self._clock = clock
        self._time = start.timestamp() if start is not None and clock == "log" else None
        self._now = now
        self._due = self._now()

    def restart(self) -> None:
        """Restarts the wait for the next item, after a pause."""
        self._due = self._now()

    def due(self, items: Sequence[Item]) -> tuple[int, float]:
        """Returns how many of the items are due now, and the seconds until the next one is due."""
        now = self._now()
        for number, item in enumerate(items):
            at = self._time_of(item)
            due = self._due
            if at is not None and self._time is not None:
                due += min((at - self._time) / self._speed, MAX_WAIT)
            if due > now + TOLERANCE:
                return number, due - now
            self._due, self._time = due, at
        return len(items), 0.0

    def _time_of(self, item: Item) -> float | None:
        if self._clock == "log":
            at = item.time_ns / 1e9
        else:
            at = item.created_at.timestamp() if item.created_at else 0.0
        if not at:  # a gap, or not an event: no time has passed
            return self._time
        # created_at may go back from one event to the next: no time has passed either
        return at if self._time is None else max(at, self._time)

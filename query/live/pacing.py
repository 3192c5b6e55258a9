"""The original pace of events, times a factor."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from query.live.frames import Item

LONGEST_WAIT = 10.0
"""Seconds between two events at most: a night without any is not sat through."""
TICK = 0.005
"""Seconds: what is due so soon is due now."""


class Pacer:
    """Says when each of a stream's items is due.

    ``began`` is the moment the client asked for; without it the first item is due at once.
    """

    def __init__(
        self,
        speed: float,
        clock: Literal["log", "event"],
        began: datetime | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = speed
        self._clock = clock
        self._moment = began.timestamp() if began is not None and clock == "log" else None
        self._now = now
        self._due = self._now()

    def go_on(self) -> None:
        """Begins again to wait, after a pause."""
        self._due = self._now()

    def due(self, items: Sequence[Item]) -> tuple[int, float]:
        """How many of the items are due now, and the seconds until the next one is."""
        now = self._now()
        for number, item in enumerate(items):
            moment = self._moment_of(item)
            due = self._due
            if moment is not None and self._moment is not None:
                due += min((moment - self._moment) / self._speed, LONGEST_WAIT)
            if due > now + TICK:
                return number, due - now
            self._due, self._moment = due, moment
        return len(items), 0.0

    def _moment_of(self, item: Item) -> float | None:
        moment = item.logged_at if self._clock == "log" else item.created_at
        if not moment:  # what is gone or can't be read: no time has passed
            return self._moment
        # the created_at of one event after the other may go back: no time has passed either
        return moment if self._moment is None else max(moment, self._moment)

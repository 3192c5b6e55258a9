"""A bounded backlog of events that are due and not sent yet."""

from datetime import datetime

from contracts.events import encode_event
from tailrace.producer.source import EventSource

MAX_BACKLOG = 5_000
"""Events that wait while the command service is down; later ones are not made."""


class Backlog:
    """Takes events from ``source`` when they are due, ``count`` in total (None: without end)."""

    def __init__(self, source: EventSource, count: int | None) -> None:
        self._source = source
        self._left = count
        self._events: list[bytes] = []

    @property
    def finished(self) -> bool:
        """Whether all events were made and dropped."""
        return self._left == 0 and not self._events

    def due(self, now: datetime, limit: int) -> list[bytes]:
        """Returns the oldest ``limit`` events due by ``now``; the same again until they are dropped."""
        source = self._source
        while source.clock <= now and len(self._events) < MAX_BACKLOG and self._left != 0:
            self._events.append(encode_event(next(source)))
            if self._left is not None:
                self._left -= 1
        if len(self._events) >= MAX_BACKLOG:
            source.clock = max(source.clock, now)
        return self._events[:limit]

    def drop(self, count: int) -> None:
        """Removes the oldest ``count`` events, which are sent."""
        del self._events[:count]

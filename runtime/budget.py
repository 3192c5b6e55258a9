"""A token bucket, which bounds how often something happens."""

import time


class Budget:
    """Holds ``seconds`` of what ``rate`` permits per second."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, seconds: float = 2.0) -> None:
        self._rate = rate
        self._left = self._most = max(1.0, seconds * rate)
        self._at = time.monotonic()

    def spend(self, count: int = 1) -> float:
        """Takes ``count``; returns the seconds to wait if too few are left, else 0."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < count:
            return (count - self._left) / self._rate
        self._left -= count
        return 0.0

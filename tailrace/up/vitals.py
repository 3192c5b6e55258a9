"""The numbers the panel shows, asked of the query service."""

import time
from collections import deque
from typing import Any, NamedTuple

import httpx

RATE_WINDOW = 5.0


class Reading(NamedTuple):
    """One look at the system; None where the query service does not answer or does not know."""

    events_in: int | None = None
    events_projected: int | None = None
    in_per_second: float | None = None
    projected_per_second: float | None = None
    lag_events: int | None = None
    lag_seconds: float | None = None
    live_clients: int | None = None
    parked: int | None = None


class Vitals:
    """Reads ``/status`` and derives rates over the last seconds."""

    def __init__(self, query_url: str) -> None:
        self._url = f"{query_url}/status"
        self._http = httpx.AsyncClient(timeout=1, trust_env=False)
        self._seen: deque[tuple[float, int, int]] = deque()

    async def read(self) -> Reading:
        """The numbers now."""
        try:
            answer = await self._http.get(self._url)
            status: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            status = {}
        last, projected = status.get("last_seq"), status.get("projected_seq")
        rates: tuple[float | None, float | None] = (None, None)
        if last is not None and projected is not None:
            rates = self._rates(time.monotonic(), last, projected)
        return Reading(
            last,
            projected,
            *rates,
            status.get("lag_events"),
            status.get("lag_seconds"),
            status.get("live_clients"),
            status.get("parked"),
        )

    async def close(self) -> None:
        """Ends the connection."""
        await self._http.aclose()

    def _rates(self, now: float, last: int, projected: int) -> tuple[float, float]:
        self._seen.append((now, last, projected))
        while now - self._seen[0][0] > RATE_WINDOW:
            self._seen.popleft()
        then, first_last, first_projected = self._seen[0]
        span = max(now - then, 1e-9)
        return max(last - first_last, 0) / span, max(projected - first_projected, 0) / span

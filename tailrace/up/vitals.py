"""Reads the numbers for the panel from the query service's ``/status``."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx
from pydantic import ValidationError

from query.status import Status

RATE_WINDOW = 5.0


class Reading(NamedTuple):
    """The pipeline's status, None if the query service does not answer, and rates over the last seconds."""

    status: Status | None = None
    in_per_second: float | None = None
    projected_per_second: float | None = None
    projections: Sequence[dict[str, Any]] = ()
    """The projections of the user, as ``/projections`` lists them."""


class Vitals:
    """Reads ``/status`` and derives rates from it."""

    def __init__(self, query_url: str) -> None:
        self._query_url = query_url
        self._http = httpx.AsyncClient(timeout=1, trust_env=False)
        self._seen: deque[tuple[float, int, int]] = deque()

    async def read(self) -> Reading:
        """Returns the current reading."""
        try:
            answer = await self._http.get(f"{self._query_url}/status")
            status = Status.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError):
            return Reading()
        projections = await self._projections()
        if status.last_seq is None or status.projected_seq is None:
            return Reading(status, projections=projections)
        rates = self._rates(time.monotonic(), status.last_seq, status.projected_seq)
        return Reading(status, *rates, projections=projections)

    async def _projections(self) -> list[dict[str, Any]]:
        try:
            answer = await self._http.get(f"{self._query_url}/projections")
            return list(answer.json()["projections"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return []

    async def close(self) -> None:
        """Closes the connection."""
        await self._http.aclose()

    def _rates(self, now: float, last: int, projected: int) -> tuple[float, float]:
        self._seen.append((now, last, projected))
        while now - self._seen[0][0] > RATE_WINDOW:
            self._seen.popleft()
        then, first_last, first_projected = self._seen[0]
        span = max(now - then, 1e-9)
        return max(last - first_last, 0) / span, max(projected - first_projected, 0) / span

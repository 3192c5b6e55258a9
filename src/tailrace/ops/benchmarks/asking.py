"""Asking a query service as its clients do, and how long it took."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx

from tailrace.contracts.errors import TailraceError
from tailrace.ops.benchmarks.stage import Stage
from tailrace.runtime.settings import Settings

READY_TIMEOUT = 60.0
ANSWER_TIMEOUT = 60.0
_LOOK = 0.05


class Answer(NamedTuple):
    """An answer of ``/stats`` and the seconds it took."""

    seconds: float
    body: dict[str, Any]


class QueryService:
    """A query service that runs."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, question: dict[str, str]) -> Answer:
        """Asks ``/stats``.

        Raises:
            TailraceError: it does not answer, or with an error.
        """
        began = time.perf_counter()
        try:
            answer = await self._http.get("/stats", params=question)
        except httpx.HTTPError as error:
            raise TailraceError(f"the query service does not answer: {error or type(error).__name__}") from None
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise TailraceError(f"the query service answers with status {answer.status_code}: {answer.text}")
        return Answer(took, answer.json())


@asynccontextmanager
async def serving_queries(stage: Stage, settings: Settings) -> AsyncIterator[QueryService]:
    """Runs ``tailrace serve query`` on a database.

    Raises:
        TailraceError: it doesn't start.
    """
    url = f"http://127.0.0.1:{settings.query_port}"
    async with (
        stage.running(settings, "serve", "query") as service,
        httpx.AsyncClient(base_url=url, timeout=ANSWER_TIMEOUT, trust_env=False) as http,
    ):
        deadline = time.monotonic() + READY_TIMEOUT
        while not await _healthy(http):
            service.check()
            if time.monotonic() > deadline:
                raise TailraceError(f"`{service.name}` is not ready after {READY_TIMEOUT:.0f} s")
            await asyncio.sleep(_LOOK)
        yield QueryService(http)


async def _healthy(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).status_code == 200
    except httpx.HTTPError:
        return False


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of ``values`` (at least one) that so many percent are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def wire(moment: datetime) -> str:
    """A time as ``/stats`` takes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

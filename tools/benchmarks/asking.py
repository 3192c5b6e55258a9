"""Asking a query service as its clients do, and how long it took."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx

from contracts.errors import TailraceError
from runtime.settings import Settings
from tools.benchmarks.programs import TAILRACE, Program
from tools.benchmarks.stage import Stage

READY_TIMEOUT = 60.0
ANSWER_TIMEOUT = 60.0
_LOOK = 0.05


class Answer(NamedTuple):
    """An answer of ``/stats`` and the seconds it took."""

    seconds: float
    body: dict[str, Any]


class TooSlowError(TailraceError):
    """The query service gave a question up: the database needed too long."""


class QueryService:
    """A query service that runs, or what stands in for one."""

    def __init__(self, http: httpx.AsyncClient, program: Program) -> None:
        self.program = program
        self._http = http

    def socket(self, **parameters: str) -> str:
        """The address of ``/ws`` with parameters."""
        return str(self._http.base_url.copy_with(scheme="ws", path="/ws", params=parameters))

    async def ask(self, question: dict[str, str]) -> Answer:
        """Asks ``/stats``.

        Raises:
            TooSlowError: it gave up.
            TailraceError: it does not answer, or with an error.
        """
        began = time.perf_counter()
        try:
            answer = await self._http.get("/stats", params=question)
        except httpx.HTTPError as error:
            raise TailraceError(f"the query service does not answer: {error or type(error).__name__}") from None
        took = time.perf_counter() - began
        if answer.status_code == 504:
            raise TooSlowError(answer.text)
        if answer.status_code != 200:
            raise TailraceError(f"the query service answers with status {answer.status_code}: {answer.text}")
        return Answer(took, answer.json())


def serving_queries(stage: Stage, settings: Settings) -> AbstractAsyncContextManager[QueryService]:
    """Runs ``tailrace serve query`` on a database.

    Raises:
        TailraceError: it doesn't start.
    """
    return serving(stage, settings, "serve", "query")


@asynccontextmanager
async def serving(
    stage: Stage, settings: Settings, *arguments: str, program: tuple[str, ...] = TAILRACE, name: str = ""
) -> AsyncIterator[QueryService]:
    """Runs what answers on the query service's port, as ``Stage.running`` does, and waits until it is healthy.

    Raises:
        TailraceError: it doesn't start.
    """
    url = f"http://127.0.0.1:{settings.query_port}"
    async with (
        stage.running(settings, *arguments, program=program, name=name) as service,
        httpx.AsyncClient(base_url=url, timeout=ANSWER_TIMEOUT, trust_env=False) as http,
    ):
        await until_healthy(http, service)
        yield QueryService(http, service)


async def until_healthy(http: httpx.AsyncClient, service: Program) -> None:
    """Waits until a service answers that it is.

    Raises:
        TailraceError: it isn't.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while not await _healthy(http):
        service.check()
        if time.monotonic() > deadline:
            raise TailraceError(f"`{service.name}` is not ready after {READY_TIMEOUT:.0f} s")
        await asyncio.sleep(_LOOK)


async def _healthy(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).status_code == 200
    except httpx.HTTPError:
        return False


async def ask_again_and_again(
    service: QueryService, question: dict[str, str], *, times: int, at_most: float
) -> list[float]:
    """Asks a read model that has the whole log, one after the other, up to ``times`` or for ``at_most`` seconds.

    Returns:
        The seconds that each answer took, at least one. Each question is asked once before.

    Raises:
        TooSlowError: the service gave up.
        TailraceError: it does not answer, or not for the whole log.
    """
    took: list[float] = []
    await service.ask(question)
    began = time.monotonic()
    while not took or (len(took) < times and time.monotonic() - began < at_most):
        took.append(await _ask_once(service, question))
    return took


async def ask_in_turns(
    services: Sequence[QueryService], question: dict[str, str], *, times: int, at_most: float
) -> list[list[float]]:
    """Asks several as ``ask_again_and_again`` asks one; what else the machine does meanwhile is done to all of them.

    Returns:
        The seconds that the answers of each took; none where the service gave up.

    Raises:
        TailraceError: one does not answer, or not for the whole log.
    """

    async def asks_on(service: QueryService, seconds: list[float]) -> bool:
        try:
            seconds.append(await _ask_once(service, question))
        except TooSlowError:
            seconds.clear()
            return False
        return len(seconds) < times and sum(seconds) < at_most

    took: list[list[float]] = [[] for _ in services]
    asked = []
    for service, seconds in zip(services, took, strict=True):
        with suppress(TooSlowError):
            await service.ask(question)
            asked.append((service, seconds))
    while asked:
        asked = [one for one in asked if await asks_on(*one)]
    return took


async def _ask_once(service: QueryService, question: dict[str, str]) -> float:
    answer = await service.ask(question)
    place = answer.body["as_of"]
    if place["lag_events"] or place["late_pending"] or not answer.body["totals"]["events"]:
        raise TailraceError(f"/stats does not answer for the whole log: {place}")
    return answer.seconds


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of ``values`` (at least one) that so many percent are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def wire(moment: datetime) -> str:
    """A time as ``/stats`` takes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

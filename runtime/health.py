"""``/health/live`` and ``/health/ready`` of every service."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.errors import TailraceError
from runtime.problems import problem

CHECK_TIMEOUT = 2.0
"""Seconds in which each check has to answer."""

Check = Callable[[], Awaitable[object]]
"""Checks a dependency of the service; raises a ``TailraceError`` if it does not answer."""

FindTroubles = Callable[[], Awaitable[Sequence[str]]]
"""Returns a sentence for each part that has failed and that the service works without."""

ANONYMOUS = "tailrace.anonymous"
"""Set in a request's ``scope["state"]`` if the service needs keys and the request has none."""


WARNINGS = "tailrace.warnings"
"""The sentences of ``with_warnings``, in a request's ``scope["state"]``."""


def with_warnings(app: ASGIApp, warnings: Callable[[], Iterable[str | None]]) -> ASGIApp:
    """Returns ``app`` with what ``/health/ready`` tells besides: a sentence for each trouble that does not stop it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/health"):
            scope.setdefault("state", {})[WARNINGS] = warnings
        await app(scope, receive, send)

    return call


async def answer_ready(
    checks: Mapping[str, Check], scope: Scope, find_troubles: FindTroubles | None = None
) -> Response:
    """Returns 200 if every check succeeds, else 503, with "ok" or a sentence for each; no detail without a key.

    Troubles are of parts that the service works without: they, and what ``with_warnings`` tells, make it ``degraded``,
    which is 200, too.
    """
    sentences = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
    parts = dict(zip(checks, sentences, strict=True))
    failing = [sentence for sentence in sentences if sentence != "ok"]
    state = scope.get("state", {})
    anonymous = ANONYMOUS in state
    if failing:
        detail = "a key shows why" if anonymous else "; ".join(failing)
        return problem(503, "Unhealthy", detail, headers={"Retry-After": "1"}, **({} if anonymous else parts))
    warnings = [warning for warning in state.get(WARNINGS, tuple)() if warning]  # after the checks, which refresh them
    troubles = [*warnings, *([] if find_troubles is None else await find_troubles())]
    body: dict[str, str | list[str]] = {"status": "degraded" if troubles else "ok"}
    if not anonymous:
        body |= parts
        if troubles:
            body["detail"] = "; ".join(troubles)
        if warnings:
            body["warnings"] = warnings
    return Response(msgspec.json.encode(body), media_type="application/json")


def health_routes(checks: Mapping[str, Check], find_troubles: FindTroubles | None = None) -> list[Route]:
    """Returns the routes: ``/health`` is the same as ``/health/ready``."""

    async def live(request: Request) -> Response:
        return answer_live()

    async def ready(request: Request) -> Response:
        return await answer_ready(checks, request.scope, find_troubles)

    return [Route("/health/live", live), Route("/health", ready), Route("/health/ready", ready)]


def answer_live() -> Response:
    """Returns 200: the process and its event loop run."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _run(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check()
    except TailraceError as error:
        return str(error)
    except TimeoutError:
        return f"the {name} did not answer in {CHECK_TIMEOUT:g} s"
    return "ok"

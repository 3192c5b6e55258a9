"""``/health/live`` and ``/health/ready`` of every service."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from contracts.errors import TailraceError
from runtime.problems import problem

CHECK_TIMEOUT = 2.0
"""Seconds in which each check has to answer."""

Check = Callable[[], Awaitable[object]]
"""Checks a dependency of the service; raises a ``TailraceError`` if it does not answer."""


ANONYMOUS = "tailrace.anonymous"
"""Set in a request's ``scope["state"]`` if the service needs keys and the request has none."""


async def answer_ready(checks: Mapping[str, Check], scope: Scope) -> Response:
    """Returns 200 if every check succeeds, else 503, with "ok" or a sentence for each; no detail without a key."""
    sentences = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
    parts = dict(zip(checks, sentences, strict=True))
    failing = [sentence for sentence in sentences if sentence != "ok"]
    if ANONYMOUS in scope.get("state", ()):
        if failing:
            return problem(503, "Unhealthy", "a key shows why", headers={"Retry-After": "1"})
        return answer_live()
    if failing:
        return problem(503, "Unhealthy", "; ".join(failing), headers={"Retry-After": "1"}, **parts)
    return Response(msgspec.json.encode(parts), media_type="application/json")


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

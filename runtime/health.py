"""``/health/live`` and ``/health/ready``, the same on every service."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.responses import Response

from contracts.errors import TailraceError
from runtime.problems import problem

PATIENCE = 2.0
"""Seconds that each part gets to answer."""

Check = Callable[[], Awaitable[object]]
"""Asks something that the service can't do without; raises a ``TailraceError`` where it does not answer."""


async def answer_ready(checks: Mapping[str, Check]) -> Response:
    """200 when every part answers, else 503: "ok" or a sentence for each."""
    sentences = await asyncio.gather(*(_ask(name, check) for name, check in checks.items()))
    parts = dict(zip(checks, sentences, strict=True))
    failing = [sentence for sentence in sentences if sentence != "ok"]
    if failing:
        return problem(503, "Unhealthy", "; ".join(failing), headers={"Retry-After": "1"}, **parts)
    return Response(msgspec.json.encode(parts), media_type="application/json")


def answer_live() -> Response:
    """200: the process runs and its loop turns."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _ask(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await check()
    except TailraceError as error:
        return str(error)
    except TimeoutError:
        return f"the {name} did not answer in {PATIENCE:g} s"
    return "ok"

"""Waiting for something to be so."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(happened: Callable[[], Awaitable[bool]], timeout: float = 30) -> None:
    """Looks every 10 ms, for ``timeout`` seconds at most."""
    async with asyncio.timeout(timeout):
        while not await happened():
            await asyncio.sleep(0.01)

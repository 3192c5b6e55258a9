"""Waiting for a condition."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(happened: Callable[[], Awaitable[bool]], timeout: float = 30) -> None:
    """Polls every 10 ms, for at most ``timeout`` seconds."""
    async with asyncio.timeout(timeout):
        while not await happened():
            await asyncio.sleep(0.01)

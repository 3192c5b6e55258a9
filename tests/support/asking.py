"""A process that asks one question over the log's connection."""

import asyncio
from multiprocessing.context import ForkServerProcess

from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.support.forked import fork


def start_asking(settings: Settings, subject: str) -> ForkServerProcess:
    return fork(_ask, settings, subject)


def _ask(settings: Settings, subject: str) -> None:
    async def ask() -> None:
        client = await connect_log(settings, "asks")
        await client.request(subject, b"")
        await client.close()

    asyncio.run(ask())

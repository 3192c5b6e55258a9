"""The processes that tests fork: each is somebody of its own."""

import asyncio

import nats
import pytest
from nats.aio.msg import Msg

from runtime.log.connect import reader_libraries
from runtime.settings import Settings
from tests.support.asking import start_asking
from tests.support.servers import NatsServer


@pytest.mark.parametrize("library", reader_libraries())
async def test_forked_processes_have_answers_of_their_own(nats_server: NatsServer, library: str) -> None:
    settings = Settings(nats_url=nats_server.url, log_library=library)
    replies: list[str] = []

    async def answer(message: Msg) -> None:
        replies.append(message.reply)
        await message.respond(b"")

    server = await nats.connect(nats_server.url)
    await server.subscribe("who.asks", cb=answer)
    await server.flush()
    # their parent has the library loaded, and whatever that made up at its start
    asking = [start_asking(settings, "who.asks") for _ in range(3)]
    for process in asking:
        await asyncio.to_thread(process.join, 30)
    await server.close()
    assert [process.exitcode for process in asking] == [0, 0, 0]
    assert len(set(replies)) == 3

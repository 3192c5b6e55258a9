"""Processes that tests fork share no state with one another."""

import asyncio

import nats
from nats.aio.msg import Msg

from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.support.processes import fork
from tests.support.servers import NatsServer


def send_request(settings: Settings, subject: str) -> None:
    async def send() -> None:
        client = await connect_log(settings, "test")
        await client.request(subject, b"")
        await client.close()

    asyncio.run(send())


async def test_forked_processes_use_different_reply_subjects(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url)
    replies: list[str] = []

    async def answer(message: Msg) -> None:
        replies.append(message.reply)
        await message.respond(b"")

    server = await nats.connect(nats_server.url)
    await server.subscribe("test.request", cb=answer)
    await server.flush()
    # their parent has the library loaded, and with it any state that it draws at import
    processes = [fork(send_request, settings, "test.request") for _ in range(3)]
    for process in processes:
        await asyncio.to_thread(process.join, 30)
    await server.close()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(set(replies)) == 3

"""What is known about the other end of a connection."""

import asyncio
from typing import cast

import uvloop

from runtime.peer import Peer


def test_a_connection_that_has_just_ended_is_not_stalled() -> None:
    async def close_and_ask() -> bool:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        peer = Peer(cast("asyncio.Transport", writer.transport))
        writer.close()
        await writer.wait_closed()
        server.close()
        return peer.is_receiving()

    assert uvloop.run(close_and_ask())

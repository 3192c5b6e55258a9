"""A proxy before Postgres whose connections can become half open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards connections to Postgres; frozen ones stay open, and nothing passes any more."""

    dsn: str
    _target: str

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._forwarding: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @asynccontextmanager
    async def running(cls, dsn: str) -> "AsyncIterator[Proxy]":
        proxy = cls(dsn)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        host = dsn.rpartition("@")[2].partition("/")[0]
        proxy.dsn = dsn.replace(host, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        proxy._target = host
        yield proxy
        server.close()
        proxy.freeze()
        for writer in proxy._writers:
            writer.close()

    def freeze(self) -> None:
        for task in self._forwarding:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        self._writers += [writer, there_writer]
        for source, target in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(_forward(source, target))
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)


async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await source.read(65536):
            target.write(part)
            await target.drain()
        target.close()

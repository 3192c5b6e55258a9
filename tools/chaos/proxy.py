"""A TCP proxy in front of a server, whose connections can be cut, frozen, delayed or slowed down."""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from typing import Self

from tailrace.embedded.ports import free_port

DELAY = 0.3
"""Seconds by which each read is delayed."""
DRIP, DRIP_PAUSE = 512, 0.01
"""Bytes that pass at once, and seconds between them."""
_READ = 64 * 1024


class Mode(Enum):
    """What happens to connections."""

    PASS = auto()
    CUT = auto()
    """They break, and no others are accepted."""
    FROZEN = auto()
    """They stay open and pass nothing; neither do new ones."""
    HALF_OPEN = auto()
    """Those that exist pass nothing; new ones work."""
    DELAYED = auto()
    DRIPPING = auto()


class Proxy:
    """Forwards connections to ``target``, a port of this machine, while it is entered."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._mode = Mode.PASS
        self._passing: dict[asyncio.Task[None], asyncio.Event] = {}
        """The tasks of all connections; a connection passes data while its event is set."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._end_all()

    def disturb(self, mode: Mode) -> None:
        """Changes what happens to connections."""
        self._mode = mode
        if mode is Mode.CUT:
            self._end_all()
        for passing in self._passing.values():
            if mode in (Mode.FROZEN, Mode.HALF_OPEN):
                passing.clear()
            else:
                passing.set()

    def _end_all(self) -> None:
        for task in self._passing:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, passing = asyncio.current_task(), asyncio.Event()
        assert task is not None
        if self._mode is not Mode.FROZEN:
            passing.set()
        self._passing[task] = passing
        writers = [writer]
        with suppress(OSError, asyncio.CancelledError):
            if self._mode is not Mode.CUT:
                upstream, to_server = await asyncio.open_connection("127.0.0.1", self._target)
                writers.append(to_server)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, to_server, passing))
                    both.create_task(self._pump(upstream, writer, passing))
        for one in writers:
            one.transport.abort()
        del self._passing[task]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
        while data := await reader.read(_READ):
            await passing.wait()
            if self._mode is Mode.DELAYED:
                await asyncio.sleep(DELAY)
            if self._mode is not Mode.DRIPPING:
                writer.write(data)
                await writer.drain()
                continue
            for start in range(0, len(data), DRIP):
                writer.write(data[start : start + DRIP])
                await writer.drain()
                await asyncio.sleep(DRIP_PAUSE)
        raise ConnectionResetError("one side has closed")

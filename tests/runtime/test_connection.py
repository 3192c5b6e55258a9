"""A connection to several servers, with each library and as the command service has it: it goes on by itself."""

import asyncio
import importlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from command import broker as broker_module
from command.broker import connect_broker, make_broker
from command.metrics import CommandMetrics
from contracts.errors import LogUnavailableError
from runtime.log import natspy
from runtime.log.client import LogClient
from runtime.log.connect import reader_libraries
from runtime.settings import Settings
from runtime.tracing import Tracing
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tests.support.servers import NatsServer
from tests.support.waiting import until

Connect = Callable[[str], Awaitable[LogClient]]
FIRST_COUNTS = {"natsio": "no_randomize", "nats-py": "dont_randomize"}
"""By library, the option to connect to the first server of an address that answers; by itself to any."""
MODULES = {"natsio": "runtime.log.natsio_client", "nats-py": "runtime.log.natspy"}


@pytest.fixture(params=[*reader_libraries(), "the broker"])
async def connect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Connects as services do, but asks often whether the server is there, and takes the first one."""
    async with AsyncExitStack() as ending:

        async def by_library(url: str) -> LogClient:
            module = importlib.import_module(MODULES[request.param])
            client: LogClient = await module.connect(url, "test", **{FIRST_COUNTS[request.param]: True})
            ending.push_async_callback(client.close)
            return client

        async def by_broker(url: str) -> LogClient:
            settings = Settings(nats_url=url)
            broker = make_broker(settings, CommandMetrics(), Tracing())
            broker._connection_kwargs["dont_randomize"] = True
            connection = await connect_broker(broker, settings)
            ending.push_async_callback(natspy.close_connection, connection)
            return natspy.NatsPyClient(connection, owned=False)

        if request.param == "the broker":
            monkeypatch.setattr(broker_module, "PING_INTERVAL", 0.1)
            yield by_broker
        else:
            monkeypatch.setattr(f"{MODULES[request.param]}.PING_INTERVAL", 0.1)
            yield by_library


async def answers(client: LogClient) -> bool:
    """Whether a server answers, which says at once that nobody listens there."""
    with suppress(LogUnavailableError):
        return (await client.request("nobody.listens.there", b"", timeout=0.5)).status == 503
    return False


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """The port of one that takes connections and says nothing, as a machine does that hangs."""
    ended = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await ended.wait()

    server = await asyncio.start_server(say_nothing, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()


async def test_a_server_that_says_nothing_keeps_nobody_from_the_next(connect: Connect, nats_server: NatsServer) -> None:
    async with silent_server() as port:
        assert await answers(await connect(f"nats://127.0.0.1:{port},{nats_server.url}"))


async def test_who_is_connected_to_a_server_that_hangs_goes_over_to_another(
    connect: Connect, own_nats_server: NatsServer, nats_server: NatsServer
) -> None:
    client = await connect(f"{own_nats_server.url},{nats_server.url}")
    process = own_nats_server.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED)  # before, a thread of it may still answer
    try:
        await until(lambda: answers(client))
        assert client.generation == 1
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def guarded_server(port: int, password: str, output: Path) -> Iterator[None]:
    command = [nats_binary(), "-a", "127.0.0.1", "-p", str(port), "--user", "service", "--pass", password]
    with output.open("wb") as log:
        process = subprocess.Popen(command, stderr=log, preexec_fn=die_with_parent(signal.SIGKILL))
    try:
        asyncio.run(_until_there(f"nats://service:{password}@127.0.0.1:{port}"))
        yield
    finally:
        process.terminate()
        process.wait()


async def _until_there(url: str) -> None:
    async def there() -> bool:
        with suppress(LogUnavailableError):
            await (await natspy.connect(url, "test", allow_reconnect=False)).close()
            return True
        return False

    await until(there)


async def test_who_was_refused_for_a_while_is_connected_again(connect: Connect, tmp_path: Path) -> None:
    port, output = free_port(), tmp_path / "refusing.log"

    async def refused_thrice() -> bool:
        return output.exists() and output.read_text().count("authentication error") >= 3

    @asynccontextmanager
    async def guarded(password: str, output: Path) -> AsyncIterator[None]:
        server = guarded_server(port, password, output)
        await asyncio.to_thread(server.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)

    async with guarded("right", tmp_path / "before.log"):
        client = await connect(f"nats://service:right@127.0.0.1:{port}")
        assert await answers(client)
    async with guarded("another", output):
        await until(refused_thrice)
    async with guarded("right", tmp_path / "after.log"):
        await until(lambda: answers(client))

"""Connections to several servers, of the log's client and of the command service's broker, survive outages."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from command.broker import connect_broker, make_broker
from command.metrics import CommandMetrics
from contracts.errors import LogUnavailableError
from runtime.log.client import LogClient, close_connection
from runtime.log.connect import RECOVERY, connect_nats
from runtime.settings import Settings
from runtime.tracing import Tracing
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tests.support.servers import NatsServer
from tests.support.waiting import until

Connect = Callable[[str], Awaitable[LogClient]]


@pytest.fixture(params=["client", "broker"])
async def connect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Connects as services do, but pings more often, and starts with the first server of an address."""
    async with AsyncExitStack() as ending:

        async def by_client(url: str) -> LogClient:
            client = await connect_nats(url, "test", dont_randomize=True)
            ending.push_async_callback(client.close)
            return client

        async def by_broker(url: str) -> LogClient:
            settings = Settings(nats_url=url)
            broker = make_broker(settings, CommandMetrics(), Tracing())
            broker._connection_kwargs["dont_randomize"] = True
            connection = await connect_broker(broker, settings)
            ending.push_async_callback(close_connection, connection)
            return LogClient(connection, owned=False)

        monkeypatch.setitem(RECOVERY, "ping_interval", 0.1)
        yield by_broker if request.param == "broker" else by_client


async def answers(client: LogClient) -> bool:
    """Whether a server answers: it reports at once that the subject has no subscribers."""
    with suppress(LogUnavailableError):
        return (await client.request("nobody.listens.there", b"", timeout=0.5)).status == 503
    return False


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Yields the port of a server that accepts connections and sends nothing, like a machine that hangs."""
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


async def test_a_silent_server_does_not_block_the_next_one(connect: Connect, nats_server: NatsServer) -> None:
    async with silent_server() as port:
        assert await answers(await connect(f"nats://127.0.0.1:{port},{nats_server.url}"))


async def test_a_client_of_a_server_that_hangs_connects_to_another(
    connect: Connect, own_nats_server: NatsServer, nats_server: NatsServer
) -> None:
    client = await connect(f"{own_nats_server.url},{nats_server.url}")
    process = own_nats_server.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED)  # until then, one of its threads may answer
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
            await (await connect_nats(url, "test", allow_reconnect=False)).close()
            return True
        return False

    await until(there)


async def test_a_client_that_was_refused_for_a_while_reconnects(connect: Connect, tmp_path: Path) -> None:
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

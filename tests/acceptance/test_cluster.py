"""Three NATS servers, two of each service: kills under load lose no acknowledged event."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from contracts.subjects import INBOX, INBOX_STREAM, LOG_STREAM, REJECTED_STREAM
from runtime.log.connect import connect_nats
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.cluster import Cluster, running_cluster
from tests.support.processes import TailraceProcess, run_tailrace, start_service
from tests.support.servers import database_from
from tests.support.waiting import until

PACE = 0.01
"""Seconds between two requests of one sender."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path) as cluster:
        yield cluster


class Twins:
    """Two processes of each service."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self._settings = Settings(nats_url=cluster.url("admin"), database=database, replicas=3)
        self._cluster = cluster
        self.processes: dict[str, TailraceProcess] = {}
        self.ports = {f"{service}-{n}": free_port() for service in ("command", "query", "projection") for n in (1, 2)}

    @property
    def admin(self) -> Settings:
        return self._settings

    def start(self, name: str) -> None:
        service = name.partition("-")[0]
        update = {"nats_url": self._cluster.url(service), f"{service}_port": self.ports[name]}
        self.processes[name] = start_service(self._settings.model_copy(update=update), "serve", service)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    async def ready(self, http: httpx.AsyncClient, name: str) -> bool:
        """Restarts a service that has exited, like a container engine: at its start it waits for nothing."""
        if self.processes[name].poll() is not None:
            self.start(name)
        with suppress(httpx.HTTPError):
            return (await http.get(f"{self.url(name)}/health/ready")).status_code == 200
        return False

    def end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)


class Sender(ABC):
    """Sends single events, each until it is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[UUID] = set()
        self.stop = asyncio.Event()

    async def run(self) -> None:
        while not self.stop.is_set():
            event_id = uuid4()
            event = {"event_id": str(event_id), "event_type": "page_view", "user_id": 1, "event_data": {}}
            for turn in range(1_000):
                if await self.send(event, turn):
                    self.acknowledged.add(event_id)
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(PACE)

    @abstractmethod
    async def send(self, event: dict[str, Any], turn: int) -> bool:
        """Whether the event is acknowledged; ``turn`` counts the attempts."""

    async def until_more(self, events: int) -> None:
        """Waits until this many more events are acknowledged."""
        wanted = len(self.acknowledged) + events

        async def there() -> bool:
            return len(self.acknowledged) >= wanted

        await until(there, timeout=60)


class HttpSender(Sender):
    """Sends to either command service, and to the other if one does not answer."""

    def __init__(self, twins: Twins, http: httpx.AsyncClient, number: int) -> None:
        super().__init__()
        self._urls = [f"{twins.url(f'command-{n}')}/events" for n in (1, 2)][:: 1 if number else -1]
        self._http = http

    async def send(self, event: dict[str, Any], turn: int) -> bool:
        with suppress(httpx.HTTPError):
            return (await self._http.post(self._urls[turn % 2], json=event)).status_code == 202
        return False


class InboxSender(Sender):
    """A NATS client that publishes on ``analytics``; an acknowledged message is stored in the inbox."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    async def send(self, event: dict[str, Any], turn: int) -> bool:
        with suppress(NatsError, OSError, asyncio.TimeoutError):
            answer = await self._client.request(INBOX, json.dumps(event).encode(), timeout=2)
            return "error" not in json.loads(answer.data)
        return False


class Watcher:
    """A live client that resumes with its last cursor, at the other service if its own is gone."""

    def __init__(self, twins: Twins) -> None:
        self.sequences: list[int] = []
        self.gaps: list[dict[str, Any]] = []
        self._cursor = "earliest"
        self._urls = [twins.url(f"query-{n}").replace("http", "ws") for n in (1, 2)]

    async def run(self) -> None:
        turn = 0
        while True:
            with suppress(OSError, WebSocketException):
                url = f"{self._urls[turn % 2]}/ws?from={self._cursor}"
                async with connect(url, proxy=None, compression=None, max_size=None, open_timeout=5) as socket:
                    async for message in socket:
                        self._receive(json.loads(message))
            turn += 1
            await asyncio.sleep(0.1)

    def _receive(self, frame: dict[str, Any]) -> None:
        if frame["kind"] == "gap":
            self.gaps.append(frame)
        if frame["kind"] == "events":
            self.sequences += [int(event["cursor"].split(":")[1]) for event in frame["events"]]
        if "cursor" in frame:
            self._cursor = frame["cursor"]


@pytest.mark.timeout(240)
async def test_kills_under_load_lose_no_acknowledged_event(
    cluster: Cluster, postgres_server: EmbeddedPostgres, template_database: str
) -> None:
    async with database_from(postgres_server, template_database) as database, AsyncExitStack() as closing:
        twins = Twins(cluster, database)
        closing.callback(twins.end)
        migrated = await asyncio.to_thread(run_tailrace, twins.admin, "migrate", TAILRACE_REPLICAS="3")
        assert migrated.returncode == 0, migrated.stderr
        await until(lambda: _in_step(cluster), timeout=60)
        for name in twins.ports:
            twins.start(name)
        http = await closing.enter_async_context(httpx.AsyncClient(timeout=10, trust_env=False))
        for name in twins.ports:
            await until(lambda name=name: twins.ready(http, name), timeout=60)  # type: ignore[misc]
        client = await nats.connect(
            cluster.url("producer").split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.2
        )
        closing.push_async_callback(client.close)
        senders = [HttpSender(twins, http, 0), HttpSender(twins, http, 1), InboxSender(client)]
        watchers = [Watcher(twins) for _ in range(3)]
        async with asyncio.TaskGroup() as tasks:
            sending = [tasks.create_task(sender.run()) for sender in senders]
            watching = [tasks.create_task(watcher.run()) for watcher in watchers]
            await senders[0].until_more(100)
            await _kill_one_after_the_other(cluster, twins, http, [senders[0], senders[2]])
            for sender in senders:
                sender.stop.set()
            await asyncio.wait(sending)
            last = await _check_log(cluster, database, senders)
            await until(lambda: _all_have(watchers, last), timeout=60)
            for task in watching:
                task.cancel()
        for watcher in watchers:
            assert (watcher.sequences, watcher.gaps) == (list(range(1, last + 1)), [])
        verified = await asyncio.to_thread(run_tailrace, twins.admin, "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


async def _kill_one_after_the_other(
    cluster: Cluster, twins: Twins, http: httpx.AsyncClient, senders: list[Sender]
) -> None:
    """Kills the log's leader first; a service starts meanwhile. Each recovers before the next kill."""

    async def until_more() -> None:
        for sender in senders:
            await sender.until_more(100)

    leader = (await cluster.info(LOG_STREAM))["cluster"]["leader"]
    cluster.kill(leader)
    await until_more()
    twins.kill("command-1")
    twins.start("command-1")
    await until(lambda: twins.ready(http, "command-1"), timeout=60)
    cluster.start(leader)
    active, standby = await _projectors(twins, http)
    twins.kill(active)
    await until(lambda: _is_active(twins, http, standby))
    await until_more()
    twins.start(active)
    twins.kill("query-1")
    await until_more()
    twins.start("query-1")
    await until(lambda: _in_step(cluster), timeout=60)


async def _in_step(cluster: Cluster) -> bool:
    return all([await cluster.in_step(stream) for stream in (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM)])


async def _projectors(twins: Twins, http: httpx.AsyncClient) -> tuple[str, str]:
    """The active projector, and the one on standby."""
    names = ["projection-1", "projection-2"]
    return (names[0], names[1]) if await _is_active(twins, http, names[0]) else (names[1], names[0])


async def _is_active(twins: Twins, http: httpx.AsyncClient, name: str) -> bool:
    metrics = (await http.get(f"{twins.url(name)}/metrics")).text
    return 'tailrace_projector_active{model="model_1"} 1.0' in metrics


async def _check_log(cluster: Cluster, database: str, senders: list[Sender]) -> int:
    """Checks that every acknowledged event is in the log and in the table; returns the log's last sequence."""

    async def inbox_is_empty() -> bool:
        return bool((await cluster.info(INBOX_STREAM))["state"]["messages"] == 0)

    await until(inbox_is_empty, timeout=60)
    last = int((await cluster.info(LOG_STREAM))["state"]["last_seq"])
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    client = await connect_nats(cluster.url("admin"), "test")
    logged = set()
    for seq in range(1, last + 1):
        entry = await client.get(seq)
        assert entry is not None, seq
        logged.add(entry.event_id)
    await client.close()
    assert acknowledged <= logged
    connection = await asyncpg.connect(database)

    async def projected() -> bool:
        return bool(await connection.fetchval("select seq from projection_position") == last)

    await until(projected, timeout=60)
    assert acknowledged <= {row[0] for row in await connection.fetch("select event_id from analytics_events")}
    await connection.close()
    return last


async def _all_have(watchers: list[Watcher], last: int) -> bool:
    return all(watcher.sequences and watcher.sequences[-1] >= last for watcher in watchers)

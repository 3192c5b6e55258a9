"""Pull requests: what ends them, what fails them, and how much they may bring."""

import asyncio
import json
from typing import Any

import pytest

from contracts.errors import LogUnavailableError, UnavailableError
from contracts.subjects import subject_of
from runtime.log import consumer as module
from runtime.log.client import LogClient
from runtime.log.consumer import Consumer
from runtime.log.errors import JetStreamApiError
from runtime.log.parser import DeliveryParser
from runtime.log.reader import LogReader
from tests.runtime.conftest import append_numbers, read_until, start
from tests.support.events import append

SID = 7


class Subscription:
    _id = SID
    is_open = True

    async def unsubscribe(self) -> None:
        self.is_open = False


class Connection:
    """A connection whose server is the test."""

    max_payload = 1_048_576

    def __init__(self) -> None:
        self.parser = DeliveryParser(self)  # type: ignore[arg-type]
        self.subscription = Subscription()
        self.requests: list[dict[str, Any]] = []
        self.inboxes: list[str] = []
        self.requested = asyncio.Event()
        self.deleted: list[str] = []
        self.number = 0

    def new_inbox(self) -> str:
        return "_INBOX.test"

    async def subscribe(self, *_: object, **__: object) -> Subscription:
        return self.subscription

    async def publish(self, subject: str, payload: bytes, reply: str) -> None:
        assert subject == "$JS.API.CONSUMER.MSG.NEXT.S.c"
        self.requests.append(json.loads(payload))
        self.inboxes.append(reply)
        self.requested.set()

    async def api(self, endpoint: str) -> dict[str, Any]:
        self.deleted.append(endpoint)
        return {}

    async def open(self) -> Consumer:
        return await Consumer.open(self, self.parser, self.api, "S.c")  # type: ignore[arg-type]

    async def deliver(self, count: int, pending: int, payload: bytes = b"{}") -> None:
        data = b""
        for left in reversed(range(pending, pending + count)):
            self.number += 1
            place = b"$JS.ACK.S.c.1.%d.%d.1.%d" % (self.number, self.number, left)
            data += b"MSG test %d %s %d\r\n%s\r\n" % (SID, place, len(payload), payload)
        await self.parser.parse(data)

    async def report(self, status: str, request: int = -1) -> None:
        block = b"NATS/1.0 %s\r\n\r\n" % status.encode()
        subject = self.inboxes[request].encode()
        await self.parser.parse(b"HMSG %s %d %d %d\r\n%s\r\n" % (subject, SID, len(block), len(block), block))


async def fetching(connection: Connection, consumer: Consumer, limit: int = 10, wait: float = 5.0) -> asyncio.Task[Any]:
    """Starts a fetch and waits for its pull request."""
    connection.requested.clear()
    task = asyncio.create_task(consumer.fetch(limit, wait))
    await connection.requested.wait()
    return task


@pytest.mark.parametrize(("limit", "asked"), [(1, 1_000), (5_000, 5_000)])
async def test_a_request_is_bounded_by_entries_bytes_and_time(limit: int, asked: int) -> None:
    connection = Connection()
    task = await fetching(connection, await connection.open(), limit=limit, wait=2.0)
    await connection.deliver(1, 0)
    assert len(await task) == 1
    [request] = connection.requests
    assert request["batch"] == asked
    assert request["max_bytes"] == 32 * 1024 * 1024
    assert 1e9 < request["expires"] <= 2e9


async def test_a_request_has_room_for_the_servers_largest_entry() -> None:
    connection = Connection()
    connection.max_payload = 64 * 1024 * 1024
    task = await fetching(connection, await connection.open())
    await connection.deliver(1, 0)
    await task
    assert connection.requests[0]["max_bytes"] == 64 * 1024 * 1024 + 64 * 1024


async def test_a_fetch_waits_for_all_that_the_consumer_has() -> None:
    connection = Connection()
    task = await fetching(connection, await connection.open())
    await connection.deliver(2, 3)
    await asyncio.sleep(0)
    assert not task.done()
    await connection.deliver(3, 0)
    assert [entry.seq for entry in await task] == [1, 2, 3, 4, 5]


async def test_an_open_request_serves_the_next_fetch() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.deliver(2, 0)
    assert len(await task) == 2
    await connection.deliver(3, 0)
    assert len(await consumer.fetch(10, 5)) == 3
    assert len(connection.requests) == 1


async def test_a_fetch_returns_no_more_than_its_limit() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer, limit=10)
    await connection.deliver(7, 0)
    assert len(await task) == 7
    await connection.deliver(3, 4)
    assert [len(await consumer.fetch(2, 5)) for _ in range(2)] == [2, 1]
    assert consumer.pending == 4


@pytest.mark.parametrize(
    "status", ["404 No Messages", "408 Request Timeout", "409 Batch Completed", "409 Message Size Exceeds MaxBytes"]
)
async def test_a_request_that_ends_after_entries_is_followed_by_another(status: str) -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.deliver(2, 8)
    await connection.report(status)
    assert len(await task) == 2
    task = await fetching(connection, consumer)
    await connection.deliver(8, 0)
    assert len(await task) == 8
    assert len(connection.requests) == 2


@pytest.mark.parametrize("status", ["404 No Messages", "408 Request Timeout"])
async def test_an_empty_request_is_followed_by_another_within_the_wait(status: str) -> None:
    connection = Connection()
    task = await fetching(connection, await connection.open())
    connection.requested.clear()
    await connection.report(status)
    await connection.requested.wait()
    await connection.deliver(1, 0)
    assert len(await task) == 1


async def test_a_heartbeat_does_not_end_a_request() -> None:
    connection = Connection()
    task = await fetching(connection, await connection.open())
    await connection.report("100 Idle Heartbeat")
    await connection.deliver(1, 0)
    assert len(await task) == 1
    assert len(connection.requests) == 1


async def test_the_status_of_an_earlier_request_does_not_end_the_present_one() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer, limit=1_000)
    await connection.deliver(1_000, 5)
    assert len(await task) == 1_000
    task = await fetching(connection, consumer, limit=5)
    await connection.report("409 Consumer Deleted", request=0)
    await connection.deliver(5, 0)
    assert len(await task) == 5
    assert len(connection.requests) == 2


async def test_an_entry_larger_than_a_request_is_an_error() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.report("409 Message Size Exceeds MaxBytes")
    with pytest.raises(JetStreamApiError, match="larger than a pull request") as caught:
        await task
    assert not isinstance(caught.value, UnavailableError)


@pytest.mark.parametrize("status", ["409 Consumer Deleted", "409 Leadership Change", "503", "503 No Responders"])
async def test_a_consumer_that_is_gone_is_retryable_after_its_entries_were_read(status: str) -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.deliver(2, 1)
    await connection.report(status)
    assert len(await task) == 2
    with pytest.raises(LogUnavailableError, match="reading the log failed"):
        await consumer.fetch(10, 5)


async def test_a_malformed_request_is_refused() -> None:
    connection = Connection()
    task = await fetching(connection, await connection.open())
    await connection.report("400 Bad Request")
    with pytest.raises(JetStreamApiError, match="Bad Request"):
        await task


async def test_a_lost_delivery_is_an_error_after_the_entries_before_it() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.deliver(2, 5)
    connection.number += 1
    await connection.deliver(4, 0)
    assert [entry.seq for entry in await task] == [1, 2]
    with pytest.raises(LogUnavailableError, match="delivery 3 was lost, number 4 came"):
        await consumer.fetch(10, 5)
    await connection.deliver(3, 0)
    with pytest.raises(LogUnavailableError, match="delivery 3 was lost"):
        await consumer.fetch(10, 5)


async def test_nothing_within_the_wait_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_REQUEST", 0.0)
    monkeypatch.setattr(module, "GRACE", 0.0)
    connection = Connection()
    consumer = await connection.open()
    assert await consumer.fetch(10, 0.01) == []
    assert await consumer.fetch(10, 0.01) == []
    assert len(connection.requests) >= 2  # the first has expired without a status: it is lost


async def test_a_cancelled_fetch_loses_nothing() -> None:
    connection = Connection()
    consumer = await connection.open()
    task = await fetching(connection, consumer)
    await connection.deliver(2, 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await connection.deliver(3, 0)
    assert [entry.seq for entry in await consumer.fetch(10, 5)] == [1, 2, 3, 4, 5]


async def test_a_closed_consumer_is_deleted_and_receives_nothing() -> None:
    connection = Connection()
    consumer = await connection.open()
    await consumer.close()
    assert connection.deleted == ["CONSUMER.DELETE.S.c"]
    assert not connection.subscription.is_open


async def test_entries_of_many_requests_are_read_within_the_bound_of_bytes(
    client: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 0)  # the server's max_payload and the envelope remain
    payloads = [bytes([number]) * 400_000 for number in range(7)]
    for number, payload in enumerate(payloads):
        await append(client, subject_of("test"), payload, f"id-{number}")
    consumer = await client.consume(1)
    fetched: list[list[bytes]] = []
    async with asyncio.timeout(30):
        while sum(map(len, fetched)) < 7:
            fetched.append([entry.payload for entry in await consumer.fetch(1_000, 5)])
    assert [payload for batch in fetched for payload in batch] == payloads
    assert max(map(len, fetched)) == 2
    await consumer.close()


async def test_an_entry_of_the_largest_size_is_read(client: LogClient) -> None:
    payload = b"x" * 1_000_000
    await append_numbers(client, 1)
    await append(client, subject_of("test"), payload, "large")
    await append_numbers(client, 3)
    reader = LogReader(client, await start(client))
    assert [len(entry.payload) for entry in await read_until(reader, 3)] == [1, len(payload), 1]
    await reader.close()


async def test_the_server_refuses_an_entry_that_no_request_has_room_for(
    client: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 0)
    monkeypatch.setattr(module, "ENVELOPE", -1_000_000)
    await append(client, subject_of("test"), b"x" * 100_000, "large")
    consumer = await client.consume(1)
    with pytest.raises(JetStreamApiError, match="larger than a pull request"):
        await consumer.fetch(10, 5)
    await consumer.close()

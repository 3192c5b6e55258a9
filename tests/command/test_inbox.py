"""The inbox: a message on ``analytics`` is logged once, or stored with the reason for its refusal."""

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from dirty_equals import IsDatetime, IsNow
from faststream.nats import NatsBroker
from nats.aio.client import Client

from command.appender import Appender, Message
from command.event_types import EventTypes
from command.inbox import CONSUMER, Inbox, make_consumer
from command.ingest import Ingest
from command.metrics import CommandMetrics
from command.publishers import declare_publishers
from command.rejected import Rejected, list_rejected
from command.watch import read_epochs
from contracts.entries import Appended, LogEntry
from contracts.subjects import INBOX, INBOX_STREAM, LOG_STREAM
from contracts.upcasting import NO_UPCASTERS
from runtime.log.client import LogClient
from runtime.log.deliveries import entry_from
from runtime.log.permissions import DELIVERIES
from runtime.settings import Settings
from runtime.tracing import Tracing
from tests.support.command import (
    Command,
    logged_events,
    nats_client,
    running_command,
    until_inbox_is_empty,
    until_logged,
)
from tests.support.waiting import until

SEED = b'{"event_type":"page_view","user_id":123,"created_at":"2025-10-10T10:00:00Z","event_data":{"path":"/home"}}'
BARE = b'{"event_type":"page_view","user_id":123,"event_data":{"path":"/home"}}'


async def inbox_of(connection: Client, log: LogClient) -> Inbox:
    """The inbox as the service builds it, on a connection of the test."""
    metrics = CommandMetrics()
    appender = Appender(metrics, Tracing(), timeout=5)
    await appender.start(connection)
    publishers, epochs = declare_publishers(NatsBroker(), appender), await read_epochs(log)
    ingest = Ingest(publishers.log, EventTypes(10), NO_UPCASTERS, metrics, epochs, max_pending=10)
    return Inbox(ingest, publishers.rejected, epochs, appender.max_payload)


async def until_rejected(log: LogClient, count: int) -> list[Rejected]:
    async def there() -> bool:
        return len(await list_rejected(log, count + 1)) >= count

    await until(there)
    return [one.rejected for one in await list_rejected(log, count + 1)]


async def test_an_inbox_event_is_logged_at_once_with_an_id(command: Command, nats: Client, log: LogClient) -> None:
    await nats.publish(INBOX, SEED)
    await until_logged(log, 1)  # includes the set-up for the first message
    began = time.monotonic()
    await nats.publish(INBOX, SEED)
    await until_logged(log, 2)
    assert time.monotonic() - began < 4  # a pull consumer that waits for a full batch takes 5 s
    first, second = await logged_events(log)
    assert first.event_id != second.event_id
    assert (first.event_type, first.user_id) == ("page_view", 123)
    assert first.created_at == datetime(2025, 10, 10, 10, tzinfo=UTC)


async def test_a_missing_time_is_the_time_of_the_inbox_message(command: Command, nats: Client, log: LogClient) -> None:
    await nats.publish(INBOX, BARE)
    await until_logged(log, 1)
    [event] = await logged_events(log)
    assert event.created_at == IsNow(tz="UTC", delta=10)


async def test_a_publisher_can_wait_for_jetstreams_acknowledgement(
    command: Command, nats: Client, log: LogClient
) -> None:
    ack = await nats.jetstream().publish(INBOX, SEED)
    assert (ack.stream, ack.seq) == (INBOX_STREAM, 1)
    await until_logged(log, 1)


async def test_messages_published_while_no_service_runs_are_stored_later(
    settings: Settings, nats: Client, log: LogClient
) -> None:
    for _ in range(10):
        await nats.jetstream().publish(INBOX, SEED)
    async with running_command(settings):
        await until_logged(log, 10)
        await until_inbox_is_empty(log)
    assert (await log.state()).last_seq == 10


async def test_a_crash_between_append_and_acknowledgement_adds_no_event(
    settings: Settings, nats: Client, log: LogClient
) -> None:
    quick = settings.model_copy(update={"publish_timeout": 0.1})  # for an early redelivery
    await make_consumer(log, publish_timeout=quick.publish_timeout)
    async with nats_client(settings) as dying:
        deliveries = await dying.subscribe(DELIVERIES, queue=CONSUMER)
        await nats.jetstream().publish(INBOX, BARE)
        delivered = await deliveries.next_msg(timeout=10)
        inbox = await inbox_of(dying, log)
        assert await inbox.store(entry_from(delivered.reply, None, delivered.data), deliveries=1) is None
    assert (await log.stream_info(INBOX_STREAM))["state"]["messages"] == 1  # in the log, and not acknowledged
    async with running_command(quick) as command:
        await until_inbox_is_empty(log)
        assert (await command.http.get("/status")).json()["duplicates"] == 1
    assert (await log.state()).last_seq == 1


async def test_refused_messages_are_stored_with_the_reason_and_the_others_logged(
    command: Command, nats: Client, log: LogClient
) -> None:
    mine = uuid4()
    bad = b'{"event_type":"x","user_id":1,"event_data":[],"event_id":"%b"}' % str(mine).encode()
    for payload in (SEED, bad, SEED, b"\xff\xfe", SEED):
        await nats.jetstream().publish(INBOX, payload)
    latest, earlier = await until_rejected(log, 2)
    await until_inbox_is_empty(log)
    assert (await log.state()).last_seq == 3
    assert earlier == Rejected(
        code="invalid_event_data",
        message="event_data: expected an object",
        event_id=mine,
        source="inbox",
        inbox_seq=2,
        received_at=IsDatetime(approx=datetime.now(UTC), delta=10),  # type: ignore[arg-type]
        payload=bad.decode(),
        payload_bytes=len(bad),
    )
    assert (latest.code, latest.payload_encoding, latest.inbox_seq) == ("invalid_json", "base64", 4)
    assert base64.b64decode(latest.payload) == b"\xff\xfe"
    stored = await log.api("STREAM.MSG.GET.ANALYTICS_REJECTED", {"seq": 1})
    assert stored["message"]["subject"] == "analytics.rejected.invalid_event_data"
    assert json.loads(base64.b64decode(stored["message"]["data"]))["event_id"] == str(mine)


async def test_a_refused_message_that_is_too_large_is_truncated(command: Command, nats: Client, log: LogClient) -> None:
    whole = nats.max_payload
    await nats.jetstream().publish(INBOX, b"\x01" * whole)
    [rejected] = await until_rejected(log, 1)
    assert (rejected.truncated, rejected.payload_bytes) == (True, whole)
    assert rejected.payload == "\x01" * len(rejected.payload)
    assert len(rejected.payload) > 100_000
    await until_inbox_is_empty(log)


async def test_a_refused_message_is_stored_once_however_often_it_is_delivered(
    settings: Settings, log: LogClient
) -> None:
    async with nats_client(settings) as nats, running_command(settings):
        await nats.jetstream().publish(INBOX, b"bad")
        await until_rejected(log, 1)
        await until_inbox_is_empty(log)
        [first] = await list_rejected(log, 10)
        message_id = await rejected_message_id(log, 1)
        ack = await nats.jetstream().publish(
            "analytics.rejected.invalid_json", b"{}", headers={"Nats-Msg-Id": message_id}
        )
        assert ack.duplicate
    assert await list_rejected(log, 10) == [first]


async def test_large_messages_are_published_a_few_at_a_time(log: LogClient) -> None:
    publishing, most, go = 0, 0, asyncio.Event()

    class Rejected:
        async def publish(self, messages: Sequence[Message]) -> list[Appended]:
            nonlocal publishing, most
            publishing += 1
            most = max(most, publishing)
            await go.wait()
            publishing -= 1
            return [Appended(1, False)]

    metrics, epochs = CommandMetrics(), {INBOX_STREAM: "x", LOG_STREAM: "y"}
    ingest = Ingest(Rejected(), EventTypes(10), NO_UPCASTERS, metrics, epochs, max_pending=10)  # type: ignore[arg-type]
    inbox = Inbox(ingest, Rejected(), epochs, lambda: 2**20)  # type: ignore[arg-type]
    entry = LogEntry(1, 1, "", b"x" * 2**20)
    stored = asyncio.gather(*(inbox.store(entry, deliveries=1) for _ in range(20)))
    for _ in range(100):
        await asyncio.sleep(0)
    assert most == publishing == 4
    go.set()
    assert await stored == [None] * 20
    assert metrics.counters.rejected == 20


async def test_a_refused_message_counts_once_however_often_it_is_delivered(
    settings: Settings, log: LogClient, nats: Client
) -> None:
    inbox = await inbox_of(nats, log)
    entry = LogEntry(7, 1, "", b"bad")
    for deliveries in (1, 2, 3):
        assert await inbox.store(entry, deliveries=deliveries) is None
    assert inbox._ingest.counters.rejected == 1


async def test_two_services_share_the_inbox(settings: Settings, nats: Client, log: LogClient) -> None:
    async with running_command(settings) as one, running_command(settings) as other:
        for _ in range(200):
            await nats.publish(INBOX, SEED)
        await until_logged(log, 200)
        await until_inbox_is_empty(log)
        counts = [(await command.http.get("/status")).json()["accepted"] for command in (one, other)]
    assert sum(counts) == 200
    assert min(counts) > 0


async def test_a_foreign_message_in_the_rejected_stream_is_listed(nats: Client, log: LogClient) -> None:
    await nats.jetstream().publish("analytics.rejected.other", b"?")
    [rejected] = await list_rejected(log, 10)
    assert (rejected.rejected.code, rejected.rejected.payload) == ("unreadable", "?")


async def rejected_message_id(log: LogClient, seq: int) -> str:
    stored: dict[str, Any] = await log.api("STREAM.MSG.GET.ANALYTICS_REJECTED", {"seq": seq})
    headers = base64.b64decode(stored["message"]["hdrs"]).decode()
    return headers.partition("Nats-Msg-Id: ")[2].partition("\r\n")[0]

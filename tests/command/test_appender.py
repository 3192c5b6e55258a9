"""The appender on a real server: order, duplicates, one write per turn of the loop, and bounded waits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import nats
import pytest
from dirty_equals import IsStr
from nats.aio.client import Client

from command import appender as appender_module
from command.appender import Appender, Message
from command.metrics import CommandMetrics
from contracts.entries import Appended
from contracts.errors import LogFullError, LogUnavailableError
from contracts.subjects import subject_of
from runtime.log.client import LogClient
from runtime.settings import Settings
from runtime.tracing import Tracing
from tests.support.command import log_entries, nats_client

SUBJECT = subject_of("x")


@pytest.fixture
async def connection(settings: Settings, log: LogClient) -> AsyncIterator[Client]:
    async with nats_client(settings) as connection:
        yield connection


async def appender_on(connection: Client, timeout: float = 30) -> Appender:
    appender = Appender(CommandMetrics(), Tracing(), timeout=timeout)
    await appender.start(connection)
    return appender


def message(payload: bytes = b"{}", subject: str = SUBJECT) -> Message:
    return Message(subject, payload, str(uuid4()))


async def stored(appender: Appender, one: Message) -> Appended:
    [outcome] = await appender.append_all([one])
    if isinstance(outcome, LogUnavailableError):
        raise outcome
    return outcome


async def test_messages_are_stored_in_order_and_duplicates_are_reported(connection: Client, log: LogClient) -> None:
    appender = await appender_on(connection)
    messages = [message(b"%d" % number) for number in range(500)]
    assert await appender.append_all(messages) == [Appended(seq, False) for seq in range(1, 501)]
    assert await stored(appender, messages[41]) == Appended(42, True)
    entries = await log_entries(log)
    assert [entry.payload for entry in entries] == [one.payload for one in messages]
    assert [entry.message_id for entry in entries] == [one.message_id for one in messages]


async def test_appends_of_one_turn_of_the_loop_share_one_write(
    connection: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    appender = await appender_on(connection)
    transport: Any = connection._transport
    writes: list[bytes] = []
    write = transport.write

    def counted(data: bytes) -> None:
        writes.append(data)
        write(data)

    monkeypatch.setattr(transport, "write", counted)
    found = await asyncio.gather(*(stored(appender, message()) for _ in range(50)))
    assert sorted(one.seq for one in found) == list(range(1, 51))
    assert [data.count(b"HPUB ") for data in writes] == [50]


async def test_an_append_ends_within_its_timeout_if_the_server_does_not_read(
    connection: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = asyncio.Event()

    async def drain() -> None:
        while not reads.is_set():  # nats-py's own writer swallows a cancellation too
            try:
                await reads.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(appender_module, "MAX_UNSENT", 0)
    monkeypatch.setattr(connection._transport, "drain", drain)
    appender = await appender_on(connection, timeout=0.2)
    async with asyncio.timeout(60):
        [first], [second] = await asyncio.gather(appender.append_all([message()]), appender.append_all([message()]))
    assert not reads.is_set()
    for outcome in (first, second):
        assert isinstance(outcome, LogUnavailableError)
        assert "did not acknowledge within 0.2 s" in str(outcome)
    reads.set()
    monkeypatch.undo()
    assert (await stored(appender, message())).seq


async def test_a_message_that_is_too_large_does_not_affect_the_others(connection: Client, log: LogClient) -> None:
    appender = await appender_on(connection)
    outcomes = await appender.append_all([message(), message(b"x" * connection.max_payload), message()])
    assert [outcome for outcome in outcomes if isinstance(outcome, Appended)] == [
        Appended(1, False),
        Appended(2, False),
    ]
    assert str(outcomes[1]) == IsStr(regex="the message has 1,048,.* bytes, and the log's server accepts 1,048,576.*")
    assert connection.is_connected


async def test_acknowledged_duplicates_do_not_hide_that_nothing_is_stored(connection: Client, log: LogClient) -> None:
    """Like one with a full disk, the server acknowledges what it has, and does not answer elsewhere."""
    appender = await appender_on(connection, timeout=0.2)
    appender.log_answers = True
    known = message()
    await stored(appender, known)
    await connection.subscribe("silent")
    await connection.flush()
    outcomes = await appender.append_all([known, message(subject="silent")])
    assert outcomes[0] == Appended(1, True)
    assert isinstance(outcomes[1], LogFullError)
    assert await stored(appender, known) == Appended(1, True)
    with pytest.raises(LogFullError, match="stores nothing"):
        appender.require_room()
    await stored(appender, message())
    appender.require_room()


async def test_a_subject_without_a_stream_fails_at_once(connection: Client) -> None:
    appender = await appender_on(connection)
    with pytest.raises(LogUnavailableError, match="stream does not exist"):
        await stored(appender, message(subject="nowhere"))


async def test_a_closed_connection_fails_at_once(settings: Settings, log: LogClient) -> None:
    connection = await nats.connect(settings.nats_url)
    appender = await appender_on(connection)
    await connection.close()
    with pytest.raises(LogUnavailableError, match="can't be reached"):
        await stored(appender, message())

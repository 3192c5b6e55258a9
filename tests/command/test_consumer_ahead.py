"""A consumer of the inbox that skips messages, as a hard kill or a full disk can leave it, is created again."""

import pytest
from nats.aio.client import Client

from command import watch
from command.inbox import CONSUMER, consumer_problem, make_consumer
from contracts.subjects import INBOX, INBOX_STREAM
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.command.test_service import serving
from tests.support.command import running_command, until_inbox_is_empty, until_logged

EVENT = b'{"event_type":"page_view","user_id":1,"event_data":{}}'


async def publish(nats: Client, count: int) -> None:
    for _ in range(count):
        await nats.jetstream().publish(INBOX, EVENT)


async def move_ahead(log: LogClient) -> None:
    """Puts the consumer where nats-server #6600 leaves it."""
    await log.api(f"CONSUMER.RESET.{INBOX_STREAM}.{CONSUMER}", {"seq": 50})
    assert "is at sequence 49, its stream ends at" in (await consumer_problem(log) or "")


async def all_logged(log: LogClient, count: int) -> None:
    await until_logged(log, count)
    await until_inbox_is_empty(log)
    assert await consumer_problem(log) is None
    assert (await log.state()).last_seq == count


async def test_it_is_repaired_at_the_start(settings: Settings, log: LogClient, nats: Client) -> None:
    await make_consumer(log, publish_timeout=5)
    await publish(nats, 5)
    await move_ahead(log)
    async with running_command(settings):
        await publish(nats, 15)
        await all_logged(log, 20)


async def test_it_is_repaired_while_the_service_runs(
    settings: Settings, log: LogClient, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.05)
    async with serving(settings):
        await publish(nats, 5)
        await all_logged(log, 5)
        await log.api(f"CONSUMER.RESET.{INBOX_STREAM}.{CONSUMER}", {"seq": 50})
        await publish(nats, 15)
        await all_logged(log, 20)


async def test_what_it_passed_over_is_delivered_again(settings: Settings, log: LogClient, nats: Client) -> None:
    """A message whose removal a full disk prevented is back after a restart, behind what is acknowledged."""
    await make_consumer(log, publish_timeout=5)
    await publish(nats, 5)
    await log.api(f"CONSUMER.RESET.{INBOX_STREAM}.{CONSUMER}", {"seq": 4})
    assert "keeps message 1" in (await consumer_problem(log) or "")
    async with running_command(settings):
        await all_logged(log, 5)

"""Creates events, and appends them to the log without the command service."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from contracts.entries import Appended
from contracts.events import Event, encode_event
from contracts.subjects import subject_of
from runtime.log.client import LogClient, read_ack

BASE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
USERS = (*range(49), None)
TYPES = ("page_view", "click", "checkout.completed", "Order Completed", "页面")


def event(
    event_type: str = "page_view",
    user_id: int | None = 1,
    created_at: datetime = BASE,
    data: str = '{"path":"/home"}',
    event_id: UUID | None = None,
) -> Event:
    return Event(
        event_id=event_id or uuid4(),
        event_type=event_type,
        user_id=user_id,
        created_at=created_at,
        event_data=msgspec.Raw(data.encode()),
    )


def some_events(count: int, seed: int = 1, users: Sequence[int | None] = USERS) -> Iterator[Event]:
    """Yields events of several types, and of users or none, within three days; only their ids are random."""
    chance = random.Random(seed)
    for number in range(count):
        at = BASE + timedelta(seconds=chance.randrange(3 * 86_400), microseconds=chance.randrange(1_000_000))
        yield event(chance.choice(TYPES), chance.choice(users), at, f'{{"n":{number}}}')


async def append(client: LogClient, subject: str, payload: bytes, message_id: str) -> Appended:
    """Publishes to a stream and waits for its acknowledgement."""
    reply = await client.request(subject, payload, {"Nats-Msg-Id": message_id})
    return read_ack(reply.payload, reply.status)


async def log_event(client: LogClient, one: Event, message_id: str | None = None) -> Appended:
    """Appends an event; with another ``message_id`` than its event id, the log does not recognize duplicates."""
    payload = encode_event(one)
    return await append(client, subject_of(one.event_type), payload, message_id or str(one.event_id))


async def log_events(client: LogClient, events: Iterable[Event]) -> list[Event]:
    kept = list(events)
    for one in kept:
        await log_event(client, one)
    return kept


async def log_raw(client: LogClient, payload: bytes, message_id: str | None = None) -> Appended:
    """Appends any bytes."""
    return await append(client, subject_of("raw"), payload, message_id or str(uuid4()))

"""A log full of mock events: made with a seed, appended as fast as the log's server takes them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import NamedTuple
from uuid import UUID

import msgspec
import nats

from command.appender import BATCH, Appender, Message
from command.metrics import CommandMetrics
from contracts.errors import LogUnavailableError
from contracts.events import Event, encode_event
from contracts.subjects import subject_of
from runtime.log.addresses import read_address
from runtime.log.client import close_connection
from runtime.settings import Settings
from runtime.tracing import Tracing
from tailrace.producer.visits import visit
from tools.benchmarks.progress import Progress

REPEAT_EVERY = 100
"""One entry in so many repeats the event before it, as a retry beyond the log's own deduplication does."""
VISITORS = 200
"""Visits at a time."""
LATE_EVERY = 100
"""One entry in so many is late."""
_VISITS = 2_000
"""Types and data of the events are those of so many visits to the mock shop; more would only be made more slowly."""


def mock_visits(random: Random) -> list[list[tuple[str, bytes]]]:
    """Visits to the mock shop, each the types and data (JSON) of its events."""
    return [
        [(event_type, msgspec.json.encode(data)) for event_type, data in visit(random, new_user=False)]
        for _ in range(_VISITS)
    ]


def mock_steps(random: Random) -> list[tuple[str, bytes]]:
    """Types and data (JSON) to make events of, each as often as visitors do it."""
    return list(chain.from_iterable(mock_visits(random)))


class Step(NamedTuple):
    """What a visitor does."""

    user_id: int
    event_type: str
    subject: str
    data: msgspec.Raw


class Traffic(Iterator[Message]):
    """Endless messages for the log: what ``VISITORS`` of a shop do at a time, each of them a random one of ``users``.

    ``entries`` messages happen one after the other through the last ``days``, as a log comes to be; one in
    ``LATE_EVERY`` of them comes late, by up to all the days. Without ``entries`` each happens anywhere in these days.
    The same seed gives the same ids, users, types and data.
    """

    def __init__(self, *, users: int, days: float, seed: int = 1, entries: int | None = None) -> None:
        self._random = Random(seed)
        self._users = users
        self._span = timedelta(days=days)
        self._entries = entries
        self._visits = [
            [(event_type, subject_of(event_type), msgspec.Raw(data)) for event_type, data in steps]
            for steps in mock_visits(self._random)
        ]
        self._visitors: list[Iterator[Step]] = [iter(()) for _ in range(VISITORS)]
        self._made = 0
        self._last: Message | None = None

    def __next__(self) -> Message:
        """The next message, now and then the event of the last one again."""
        self._made += 1
        if self._made % REPEAT_EVERY == 0 and self._last is not None:
            # the log itself refuses an id that it has just seen, so a repetition goes under another name
            return self._last._replace(message_id=f"again-{self._last.message_id}")
        step = self._step()
        event = Event(
            UUID(int=self._random.getrandbits(128), version=4),
            step.event_type,
            step.user_id,
            datetime.now(UTC) - self._age(),
            step.data,
        )
        self._last = Message(step.subject, encode_event(event), str(event.event_id))
        return self._last

    def _step(self) -> Step:
        visitor = self._random.randrange(VISITORS)
        step = next(self._visitors[visitor], None)
        if step is None:
            user = self._random.randrange(self._users)
            self._visitors[visitor] = (Step(user, *step) for step in self._random.choice(self._visits))
            step = next(self._visitors[visitor])
        return step

    def _age(self) -> timedelta:
        chance = self._random.random()
        if self._entries is None:
            return self._span * chance
        age = self._span * max(1 - self._made / self._entries, 0)
        return age + (self._span - age) * chance if self._made % LATE_EVERY == 1 else age


@asynccontextmanager
async def appending(settings: Settings) -> AsyncIterator[Appender]:
    """Appends over a connection of its own."""
    connection = await nats.connect(read_address(settings.nats_url).servers)
    try:
        appender = Appender(CommandMetrics(), Tracing(), timeout=settings.publish_timeout)
        await appender.start(connection)
        yield appender
    finally:
        await close_connection(connection)


async def fill(appender: Appender, traffic: Traffic, entries: int, progress: Progress) -> None:
    """Appends ``entries`` messages.

    Raises:
        LogUnavailableError: the log refused or did not acknowledge one.
    """
    done = 0
    messages = islice(traffic, entries)
    while chunk := list(islice(messages, BATCH)):
        await append(appender, chunk)
        done += len(chunk)
        progress.tell("appended", done, entries)


async def append(appender: Appender, messages: list[Message]) -> None:
    """Appends up to ``BATCH`` messages and waits until all are stored.

    Raises:
        LogUnavailableError: one is not.
    """
    for outcome in await appender.append_all(messages):
        if isinstance(outcome, LogUnavailableError):
            raise outcome

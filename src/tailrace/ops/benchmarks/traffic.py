"""A log full of mock events: made with a seed, appended as fast as the log's server takes them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from uuid import UUID

import msgspec
import nats

from tailrace.command.appender import BATCH, Appender, Message
from tailrace.command.metrics import CommandMetrics
from tailrace.contracts.errors import LogUnavailableError
from tailrace.contracts.events import Event, encode_event
from tailrace.contracts.subjects import subject_of
from tailrace.ops.benchmarks.progress import Progress
from tailrace.ops.producer.visits import visit
from tailrace.runtime.log.addresses import read_address
from tailrace.runtime.log.natspy import close_connection
from tailrace.runtime.settings import Settings
from tailrace.runtime.tracing import Tracing

REPEAT_EVERY = 100
"""One entry in so many repeats the event before it, as a retry beyond the log's own deduplication does."""
_VISITS = 2_000
"""Types and data of the events are those of so many visits to the mock shop; more would only be made more slowly."""


def mock_steps(random: Random) -> list[tuple[str, bytes]]:
    """Types and data (JSON) to make events of, each as often as visitors do it."""
    steps = (step for _ in range(_VISITS) for step in visit(random, new_user=False))
    return [(event_type, msgspec.json.encode(data)) for event_type, data in steps]


class Traffic(Iterator[Message]):
    """Endless messages for the log: events of random users, scattered over the ``days`` before each is made.

    The same seed gives the same ids, users, types and data.
    """

    def __init__(self, *, users: int, days: float, seed: int = 1) -> None:
        self._random = Random(seed)
        self._users = users
        self._span = days * 86_400
        self._steps = [
            (event_type, subject_of(event_type), msgspec.Raw(data)) for event_type, data in mock_steps(self._random)
        ]
        self._made = 0
        self._last: Message | None = None

    def __next__(self) -> Message:
        """The next message, now and then the event of the last one again."""
        self._made += 1
        if self._made % REPEAT_EVERY == 0 and self._last is not None:
            # the log itself refuses an id that it has just seen, so a repetition goes under another name
            return self._last._replace(message_id=f"again-{self._last.message_id}")
        random = self._random
        event_type, subject, data = random.choice(self._steps)
        event = Event(
            UUID(int=random.getrandbits(128), version=4),
            event_type,
            random.randrange(self._users),
            datetime.now(UTC) - timedelta(seconds=random.random() * self._span),
            data,
        )
        self._last = Message(subject, encode_event(event), str(event.event_id))
        return self._last


@asynccontextmanager
async def appending(settings: Settings) -> AsyncIterator[Appender]:
    """Appends over a connection of its own."""
    connection = await nats.connect(read_address(settings.nats_url).servers)
    try:
        appender = Appender(connection, CommandMetrics(), Tracing(), timeout=settings.publish_timeout)
        await appender.start()
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

"""Mock events, and a publisher that appends them to the log as fast as the server acknowledges.

``python -m tools.benchmarks.workload URL RATE SECONDS`` publishes at a fixed rate; each event carries its time.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from contracts.errors import TailraceError
from contracts.events import Event, encode_event
from contracts.subjects import subject_of
from tailrace.producer.visits import visit

DUPLICATE_EVERY = LATE_EVERY = 100  # a duplicate repeats an event, like a retry after the log's deduplication window
VISITS, VISITORS = 2_000, 200  # different visits, and visits that overlap
WINDOW = 4_000  # messages without an acknowledgement; more would only wait in the server
ACKNOWLEDGED = 30.0  # seconds without an acknowledgement after which the log counts as stalled
STAMP, STAMP_DIGITS = b'"published":"', 19  # time.monotonic_ns(), a clock that all processes of a machine share


class Message(NamedTuple):
    """A message for the log."""

    subject: str
    payload: bytes
    message_id: str


class Workload(Iterator[Message]):
    """Messages of the visitors of a shop. The same seed gives the same ids, users, types and data.

    In order, ``entries`` events happen one after the other over the last ``days``, and one in ``LATE_EVERY`` is late.
    With ``scattered`` each event happens anywhere in these days, of any user: the worst order for a projector.
    """

    def __init__(self, entries: int, *, users: int = 50_000, days: int = 30, seed: int = 1, scattered: bool = False):
        self._random, self._users, self._span = Random(seed), users, timedelta(days=days)
        self._entries, self._scattered, self._made = entries, scattered, 0
        visits = [list(visit(self._random, new_user=False)) for _ in range(VISITS)]
        self._visits = [
            [(kind, msgspec.Raw(msgspec.json.encode(self._of_many(data)))) for kind, data in steps] for steps in visits
        ]
        self._visitors: list[tuple[int, Iterator[tuple[str, msgspec.Raw]]]] = [(0, iter(()))] * VISITORS
        self._last: Message

    def __next__(self) -> Message:
        """The next message; raises StopIteration after ``entries``."""
        if self._made >= self._entries:
            raise StopIteration
        self._made += 1
        if self._made % DUPLICATE_EVERY == 0:
            # the log refuses a message id that it has seen lately
            return self._last._replace(message_id=f"again-{self._last.message_id}")
        user, (kind, data) = self._step()
        self._last = _message(self._random, kind, user, datetime.now(UTC) - self._age(), data)
        return self._last

    def _step(self) -> tuple[int, tuple[str, msgspec.Raw]]:
        chance = self._random
        if self._scattered:
            return chance.randrange(self._users), chance.choice(chance.choice(self._visits))
        number = chance.randrange(VISITORS)
        user, steps = self._visitors[number]
        while (step := next(steps, None)) is None:
            user, steps = self._visitors[number] = chance.randrange(self._users), iter(chance.choice(self._visits))
        return user, step

    def _of_many(self, data: dict[str, object]) -> dict[str, object]:
        """Data of a shop with thousands of product pages, most of them seldom visited."""
        path = str(data.get("path", ""))
        number = min(int(self._random.paretovariate(0.15)), 9_999)
        return data | {"path": f"{path}-{number}"} if path.startswith("/products/") else data

    def _age(self) -> timedelta:
        chance = self._random.random()
        if self._scattered:
            return self._span * chance
        age = self._span * (1 - self._made / self._entries)
        return age + (self._span - age) * chance if self._made % LATE_EVERY == 1 else age


def stamped(random: Random) -> Message:
    """An event that happens now and carries the time of its publishing."""
    data = {"published": f"{time.monotonic_ns():0{STAMP_DIGITS}d}", "path": "/home"}
    raw = msgspec.Raw(msgspec.json.encode(data))
    return _message(random, "page_view", random.randrange(50_000), datetime.now(UTC), raw)


def _message(random: Random, kind: str, user: int, at: datetime, data: msgspec.Raw) -> Message:
    event_id = UUID(int=random.getrandbits(128), version=4)
    event = Event(event_id=event_id, event_type=kind, user_id=user, created_at=at, event_data=data)
    return Message(subject_of(kind), encode_event(event), str(event_id))


class Publisher:
    """Speaks NATS over a plain connection, without an object per message: also the limit of what the log accepts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.published = self.acknowledged = 0
        self._reader, self._writer, self._rest = reader, writer, b""
        writer.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.bench 1\r\n')

    def publish(self, messages: Iterable[Message]) -> None:
        """Send messages without waiting."""
        frames = []
        for subject, payload, message_id in messages:
            head = f"NATS/1.0\r\nNats-Msg-Id: {message_id}\r\n\r\n"
            line = f"HPUB {subject} _INBOX.bench {len(head)} {len(head) + len(payload)}\r\n"
            frames += [line.encode(), head.encode(), payload, b"\r\n"]
        self.published += len(frames) // 4
        self._writer.writelines(frames)

    async def until_acknowledged(self, *, but: int = 0) -> None:
        """Wait until all messages ``but`` so many are stored; raises TailraceError if the log refuses one or stalls."""
        while self.published - self.acknowledged > but:
            try:
                data = await asyncio.wait_for(self._reader.read(2**18), ACKNOWLEDGED)
            except TimeoutError:
                raise TailraceError(f"the log acknowledges nothing for {ACKNOWLEDGED:.0f} s") from None
            whole, _, self._rest = (self._rest + data).rpartition(b"\r\n")
            if not data or b'"error"' in whole or b"-ERR" in whole or b" 503" in whole:
                raise TailraceError(f"the log does not store the events: {whole[-200:].decode()}")
            if b"PING" in whole:
                self._writer.write(b"PONG\r\n")
            self.acknowledged += whole.count(b'"stream":')

    async def publish_all(self, messages: Iterator[Message]) -> None:
        """Publish at full speed and wait until all is stored; raises as ``until_acknowledged`` does."""
        while chunk := list(islice(messages, 500)):
            self.publish(chunk)
            await self.until_acknowledged(but=WINDOW)
        await self.until_acknowledged()


@asynccontextmanager
async def publishing(url: str) -> AsyncIterator[Publisher]:
    """Connect a publisher to a server without authentication, the first of ``url``."""
    address = urlsplit(url.split(",")[0])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Publisher(reader, writer)
    finally:
        writer.close()


async def publish_at(url: str, rate: float, seconds: float) -> None:
    """Publish stamped events at a fixed rate, each when it is due."""
    random, count, sent, began = Random(), max(round(rate * seconds), 1), 0, time.monotonic()
    async with publishing(url) as publisher:
        while sent < count:
            due = min(int((time.monotonic() - began) * rate) + 1, count) - sent
            publisher.publish(stamped(random) for _ in range(due))
            sent += due
            await publisher.until_acknowledged(but=WINDOW)
            await asyncio.sleep(0.001)
        await publisher.until_acknowledged()


if __name__ == "__main__":
    asyncio.run(publish_at(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))

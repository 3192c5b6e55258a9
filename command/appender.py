"""Appends messages to streams: many in flight over one connection, every acknowledgement waited for."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from time import perf_counter
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg

from command.acks import install_parser
from command.metrics import CommandMetrics
from contracts.entries import Appended
from contracts.errors import LogFullError, LogUnavailableError
from contracts.subjects import subject_of
from runtime.log.client import read_ack
from runtime.log.errors import UNREACHABLE
from runtime.tracing import Tracing

BATCH = 1_000
"""Messages in flight per call: keeps the pipe full, and the server buffers 10,000 per stream before it refuses."""
MAX_UNSENT = 1024 * 1024
"""Bytes written to the connection after which the next call waits until the server reads."""
LAST_WAIT = 1.0
"""Seconds for acknowledgements once the service stops; HTTP requests are cut off after 2."""

FULL_FOR = 30.0
"""Seconds after a refusal until the log counts as usable again: without traffic nothing else would show it."""

STORES_NOTHING = (
    "the log's server answers but stores nothing: its disk is full, or was, and JetStream remembers the error; free "
    "disk space, then restart that server"
)

PROBE_TIMEOUT = 1.0
"""Seconds in which the log's server has to answer a probe."""
_PROBE = {"Nats-Expected-Last-Sequence": str(2**63 - 1)}
"""A stream refuses a message with this header before it stores anything, and after all that was published before."""
_REFUSED = b'"err_code":10071'

_STOPPED = LogUnavailableError("the service is stopping and the log has not acknowledged yet")


class Message(NamedTuple):
    """A message to publish; the stream recognizes a duplicate by ``message_id``."""

    subject: str
    payload: bytes
    message_id: str


class _Batch:
    """Messages that were published together, and the server's answers so far."""

    __slots__ = ("answers", "deadline", "done", "generation", "missing")

    def __init__(self, size: int, done: "asyncio.Future[None]", deadline: float, generation: int) -> None:
        self.answers: list[bytes | LogUnavailableError | None] = [None] * size
        self.missing = size
        self.done = done
        self.deadline = deadline
        self.generation = generation

    def answer(self, index: int, answer: bytes | LogUnavailableError) -> None:
        if self.answers[index] is None:
            self.answers[index] = answer
            self.missing -= 1
            if not self.missing:
                self.end()

    def fail(self, error: LogUnavailableError) -> None:
        for index in range(len(self.answers)):
            self.answer(index, error)

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Appender:
    """Appends over one nats-py connection.

    Calls of one turn of the event loop share one write. One subscription receives all acknowledgements, so a message
    costs neither a task nor a timer. Messages are stored in the order given.
    """

    _connection: Client
    _replies: bytes

    def __init__(self, metrics: CommandMetrics, tracing: Tracing, *, timeout: float, replicated: bool = False) -> None:
        """Waits ``timeout`` seconds for acknowledgements; the streams are ``replicated`` in a cluster."""
        self._duration = metrics.append
        self._tracing = tracing
        self._timeout = timeout
        self._replicated = replicated
        self._numbers = count(1)
        self._batches: dict[int, _Batch] = {}
        self._unwritten: list[bytes] = []
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._draining: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[bool] | None = None
        self._stopped = False
        self._stored_at = self._full_at = -FULL_FOR
        self._full: LogFullError | None = None
        self._full_generation = 0
        self.log_answers = False
        """Whether the log answered the last request that is not a publish."""

    async def start(self, connection: Client) -> None:
        """Listens for acknowledgements on a connection that has received no message yet; to be called once."""
        replies = connection.new_inbox()
        subscription = await connection.subscribe(f"{replies}.*.*", cb=self._answered)
        install_parser(connection, replies, subscription._id, self._acknowledged)
        self._connection = connection
        self._replies = replies.encode()

    async def finish(self) -> None:
        """Waits ``LAST_WAIT`` seconds more for acknowledgements, so that every caller has an answer before the end."""
        asyncio.get_running_loop().call_later(LAST_WAIT, self._give_up)

    def _give_up(self) -> None:
        self._stopped = True
        for batch in self._batches.values():
            batch.fail(_STOPPED)

    def max_payload(self) -> int:
        """Returns the largest message that the server accepts, in bytes."""
        return self._connection.max_payload

    def require_room(self) -> None:
        """Checks that the log has stored something since it last refused.

        Raises:
            LogFullError: it refused within ``FULL_FOR`` seconds, or stores nothing and has not restarted.
        """
        if self._full is not None and (
            self._is_stuck() or asyncio.get_running_loop().time() - self._full_at < FULL_FOR
        ):
            raise self._full

    def _is_stuck(self) -> bool:
        generation = self._connection.stats["reconnects"]
        return str(self._full) == STORES_NOTHING and generation == self._full_generation and not self._replicated

    async def append_all(self, messages: Sequence[Message]) -> "list[Appended | LogUnavailableError]":
        """Publishes up to ``BATCH`` messages in order and waits for all; one outcome for each, in order.

        Returns after ``timeout`` and ``PROBE_TIMEOUT`` seconds at most. If one fails, those behind it are stored all
        the same.
        """
        if self._stopped:
            return [_STOPPED] * len(messages)
        if not messages:
            return []
        began = perf_counter()
        try:
            if not self._tracing.is_on:
                return await self._append_all(messages, {})
            attributes = {"messaging.batch.message_count": len(messages)}
            with self._tracing.producing("append", **attributes) as headers:
                return await self._append_all(messages, headers)
        finally:
            self._duration.observe(perf_counter() - began)

    async def _append_all(
        self, messages: Sequence[Message], headers: dict[str, str]
    ) -> "list[Appended | LogUnavailableError]":
        loop = asyncio.get_running_loop()
        deadline, generation = loop.time() + self._timeout, self._connection.stats["reconnects"]
        number, batch = next(self._numbers), _Batch(len(messages), loop.create_future(), deadline, generation)
        self._batches[number] = batch
        if self._timer is None:
            self._timer = loop.call_later(self._timeout, self._expire, loop)
        try:
            if self._unsent >= MAX_UNSENT:
                await self._until_sent(batch)
            if not batch.done.done():
                self._publish(number, batch, messages, headers)
                await batch.done
            if batch.missing and await self._stores_nothing(batch):
                batch.fail(LogFullError(STORES_NOTHING))
        finally:
            del self._batches[number]
        outcomes = [self._outcome(answer) for answer in batch.answers]
        full = next((one for one in outcomes if isinstance(one, LogFullError)), None)
        # a log that can't store anything still acknowledges what it has
        stored = any(isinstance(one, Appended) and not one.duplicate for one in outcomes)
        if stored:
            self._stored_at = loop.time()
        if full or stored:
            self._full, self._full_at, self._full_generation = full, loop.time(), generation
        return outcomes

    async def _stores_nothing(self, batch: _Batch) -> bool:
        """Whether the log answers, but not the messages of a batch whose time is over."""
        if not self._is_same_connection(batch):
            return False
        if self._replicated:  # the leader answers a probe while messages wait for the other servers
            silent_for = asyncio.get_running_loop().time() - self._stored_at
            return self.log_answers and silent_for >= self._timeout
        if self._probing is None:
            self._probing = asyncio.create_task(self._probe())
        # never cancelled: others wait for it, and nats-py swallows a cancellation
        probing = self._probing
        await asyncio.wait([probing], timeout=PROBE_TIMEOUT)
        return probing.done() and probing.result() and self._is_same_connection(batch)

    async def _probe(self) -> bool:
        """Whether the log's stream answers a message that it refuses."""
        try:
            probe = subject_of("probe")
            answer = await self._connection.request(probe, b"", timeout=PROBE_TIMEOUT, headers=_PROBE)
        except UNREACHABLE:
            return False
        finally:
            self._probing = None
        return _REFUSED in answer.data

    def _is_same_connection(self, batch: _Batch) -> bool:
        connection = self._connection
        return connection.is_connected and connection.stats["reconnects"] == batch.generation

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        # one timer for all: batches wait equally long, so the oldest is the first
        self._timer = None
        for batch in self._batches.values():
            if batch.deadline > loop.time():
                self._timer = loop.call_at(batch.deadline, self._expire, loop)
                return
            batch.end()

    def _outcome(self, answer: bytes | LogUnavailableError | None) -> Appended | LogUnavailableError:
        if answer is None:
            return LogUnavailableError(f"the log did not acknowledge within {self._timeout:g} s")
        if isinstance(answer, LogUnavailableError):
            return answer
        try:
            return read_ack(answer, 0)
        except LogUnavailableError as error:
            return error

    def _publish(self, number: int, batch: _Batch, messages: Sequence[Message], headers: dict[str, str]) -> None:
        connection = self._connection
        if connection.is_closed or (
            not connection.is_connected and connection.pending_data_size > connection._max_pending_size
        ):
            batch.fail(LogUnavailableError("the log's server can't be reached, and no more can wait for it"))
            return
        reply = b"%b.%d" % (self._replies, number)
        rest = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        fixed, limit = len(b"NATS/1.0\r\nNats-Msg-Id: \r\n\r\n") + len(rest), connection.max_payload
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write)
        append = self._unwritten.append
        for index, (subject, payload, message_id) in enumerate(messages):
            header_size = fixed + len(message_id)
            size = header_size + len(payload)
            if size > limit:
                error = f"the message has {size:,} bytes, and the log's server accepts {limit:,}: raise its max_payload"
                batch.answer(index, LogUnavailableError(error))
                continue
            append(
                b"HPUB %b %b.%d %d %d\r\nNATS/1.0\r\nNats-Msg-Id: %b\r\n%b\r\n%b\r\n"
                % (subject.encode(), reply, index, header_size, size, message_id.encode(), rest, payload)
            )

    def _write(self) -> None:
        data = b"".join(self._unwritten)
        self._unwritten.clear()
        connection = self._connection
        if connection.is_connected:
            self._unsent += len(data)
            with suppress(RuntimeError):  # the connection has just ended: nothing is acknowledged
                connection._transport.write(data)  # type: ignore[union-attr]
        else:  # nats-py sends it once it is connected again
            connection._pending.append(data)
            connection._pending_data_size += len(data)

    async def _until_sent(self, batch: _Batch) -> None:
        # never cancelled: nats-py's writer swallows a cancellation, and a wait would outlast its timeout
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await asyncio.wait([self._draining, batch.done], return_when=asyncio.FIRST_COMPLETED)

    async def _drain(self) -> None:
        with suppress(OSError):
            await self._connection._transport.drain()  # type: ignore[union-attr]
        self._unsent = 0
        self._draining = None

    def _acknowledged(self, number: int, index: int, answer: bytes) -> None:
        if batch := self._batches.get(number):
            batch.answer(index, answer)

    async def _answered(self, message: Msg) -> None:
        # an answer with headers, such as 503 where no stream listens on the subject
        number, index = message.subject[len(self._replies) + 1 :].split(".")
        answer: bytes | LogUnavailableError = message.data
        try:
            read_ack(message.data, int((message.headers or {}).get("Status", 0)))
        except LogUnavailableError as error:
            answer = error
        if batch := self._batches.get(int(number)):
            batch.answer(int(index), answer)

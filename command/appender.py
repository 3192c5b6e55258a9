"""Publishing to a stream with many publishes in flight and every acknowledgement waited for."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from command.metrics import CommandMetrics
from contracts.entries import Appended
from contracts.errors import LogUnavailableError
from runtime.log.client import read_ack
from runtime.tracing import Tracing

BATCH = 1_000
"""Messages in flight per call: keeps the pipe full, and the server buffers 10,000 per stream before it refuses."""
LAST_WAIT = 1.0
"""Seconds for acknowledgements once the service stops; HTTP requests are cut off after 2."""

_STOPPED = LogUnavailableError("the service is stopping and the log has not acknowledged yet")
_GONE = (nats.errors.Error, OSError)


class Message(NamedTuple):
    """What is published: ``message_id`` is what the stream recognizes a repetition by."""

    subject: str
    payload: bytes
    message_id: str


class Appender:
    """Appends over one nats-py connection.

    One subscription takes all acknowledgements, so a message costs neither a task nor a timer: about twice as many a
    second as request-reply for each or nats-py's ``publish_async``, and in the order given.
    """

    def __init__(self, connection: Client, metrics: CommandMetrics, tracing: Tracing, *, timeout: float) -> None:
        self._connection = connection
        self._duration = metrics.append
        self._tracing = tracing
        self._timeout = timeout
        self._replies = connection.new_inbox()
        self._tokens = count(1)
        self._stopped = False
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def start(self) -> None:
        """Listens for acknowledgements; to be called once, before anything is appended."""
        await self._connection.subscribe(f"{self._replies}.*", cb=self._acknowledged)

    async def finish(self) -> None:
        """Gives what is in flight ``LAST_WAIT`` seconds more: whoever waits for it gets an answer before the end."""
        asyncio.get_running_loop().call_later(LAST_WAIT, self._give_up)

    def _give_up(self) -> None:
        self._stopped = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_STOPPED)

    async def append(self, message: Message) -> Appended:
        """Publishes one message and waits until it is stored.

        Raises:
            LogFullError: a limit is reached.
            LogUnavailableError: no acknowledgement in ``timeout`` seconds: it may or may not be stored.
        """
        [outcome] = await self.append_all([message])
        if isinstance(outcome, LogUnavailableError):
            raise outcome
        return outcome

    async def append_all(self, messages: Sequence[Message]) -> "list[Appended | LogUnavailableError]":
        """Publishes up to ``BATCH`` messages in order and waits for all; one outcome for each, in order.

        Takes ``timeout`` seconds at most. One that fails doesn't keep those behind it from being stored.
        """
        if self._stopped:
            return [_STOPPED] * len(messages)
        with (
            self._duration.time(),
            self._tracing.producing("append", **{"messaging.batch.message_count": len(messages)}) as headers,
        ):
            return await self._append_all(messages, headers)

    async def _append_all(
        self, messages: Sequence[Message], headers: dict[str, str]
    ) -> "list[Appended | LogUnavailableError]":
        sent: list[tuple[str, asyncio.Future[Msg]]] = []
        failure = LogUnavailableError(f"the log did not acknowledge within {self._timeout:g} s")
        try:
            async with asyncio.timeout(self._timeout):
                for message in messages:
                    await self._publish(message, headers, sent)
                for _, answer in sent:
                    await answer
        except TimeoutError:
            pass
        except LogUnavailableError as error:
            failure = error
        except _GONE as error:
            failure = LogUnavailableError(f"the log's server can't be reached: {error or type(error).__name__}")
        finally:
            for token, _ in sent:
                self._waiting.pop(token, None)
        outcomes = [_outcome(answer, failure) for _, answer in sent]
        return outcomes + [failure] * (len(messages) - len(sent))

    async def _publish(
        self, message: Message, headers: dict[str, str], sent: "list[tuple[str, asyncio.Future[Msg]]]"
    ) -> None:
        token = str(next(self._tokens))
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        sent.append((token, answer))
        await self._connection.publish(
            message.subject,
            message.payload,
            reply=f"{self._replies}.{token}",
            headers={"Nats-Msg-Id": message.message_id, **headers},
        )

    async def _acknowledged(self, message: Msg) -> None:
        answer = self._waiting.pop(message.subject[len(self._replies) + 1 :], None)
        if answer is not None and not answer.done():
            answer.set_result(message)


def _outcome(answer: "asyncio.Future[Msg]", failure: LogUnavailableError) -> Appended | LogUnavailableError:
    if not answer.done() or answer.cancelled() or answer.exception():
        return failure
    message = answer.result()
    status = int(message.headers.get("Status", 0)) if message.headers else 0
    try:
        return read_ack(message.data, status)
    except LogUnavailableError as error:
        return error

"""The inbox: messages that clients publish on ``analytics``, stored by JetStream until they are in the log.

A message is acknowledged once the log has its event, or the rejected stream has it with the reason. Until then
JetStream delivers it again, without a limit. That is safe: a missing id or time is derived from the message.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker

from command.ingest import Ingest
from command.messages import IncomingMessage, undecoded
from command.publishers import Publisher
from command.rejected import id_from_inbox, rejected_message
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError, LogUnavailableError
from contracts.subjects import INBOX, INBOX_STREAM
from runtime.log.client import LogClient
from runtime.log.deliveries import entry_from
from runtime.log.errors import JetStreamApiError
from runtime.log.permissions import DELIVERIES
from runtime.supervise import Outage

CONSUMER = "tailrace-inbox"
WORKERS = MAX_IN_FLIGHT = 256
"""Messages that one instance handles at once: enough to keep the log busy during an acknowledgement's round trip. As
many are delivered and not acknowledged over all instances, each of up to the server's ``max_payload`` in memory."""
MAX_BYTES = 4 * 1024 * 1024
"""Bytes of messages that are validated and published at once: HTTP shares the connection and never waits for more."""
FIRST_RETRY, LAST_RETRY = 0.5, 2.0
"""Seconds until a message that could not be stored is delivered again: the delay doubles from first to last."""
REMOVAL = 1.0
"""Seconds in which the server removes a message that is acknowledged; if it needs more, it is only delivered again."""

_CONSUMER_NOT_FOUND = 10014

logger = logging.getLogger("tailrace.command")


async def consumer_problem(client: LogClient) -> str | None:
    """Returns why the inbox's consumer delivers nothing, or not everything, or None.

    A hard kill of the NATS server can leave it ahead of its stream (nats-server #6600): it would skip new messages. A
    full disk can prevent that the removal of an acknowledged message is stored: it is back after a restart.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    try:
        # first the consumer: the stream can only have grown since
        consumer = await client.api(f"CONSUMER.INFO.{INBOX_STREAM}.{CONSUMER}")
    except JetStreamApiError as error:
        if error.err_code == _CONSUMER_NOT_FOUND:
            return "the inbox has no consumer"
        raise
    state, delivered = (await client.stream_info(INBOX_STREAM))["state"], consumer["delivered"]["stream_seq"]
    if delivered > state["last_seq"]:
        return (
            f"the consumer {CONSUMER} is at sequence {delivered}, its stream ends at {state['last_seq']}: it skips new "
            "messages"
        )
    first, acknowledged = state["first_seq"], consumer["ack_floor"]["stream_seq"]
    if state["messages"] and first <= acknowledged:
        await asyncio.sleep(REMOVAL)
        if (await client.stream_info(INBOX_STREAM))["state"]["first_seq"] == first:
            return f"the inbox keeps message {first}, which its consumer never delivers: it has passed {acknowledged}"
    return None


async def repair_consumer(client: LogClient, *, publish_timeout: float) -> None:
    """Creates the inbox's consumer again if it is gone or skips messages; nothing is skipped or counted twice.

    Raises:
        LogUnavailableError: the log does not answer, or refuses.
    """
    if problem := await consumer_problem(client):
        logger.warning("%s: creating it again", problem)
        with suppress(JetStreamApiError):  # it is gone
            await client.api(f"CONSUMER.DELETE.{INBOX_STREAM}.{CONSUMER}")
        await make_consumer(client, publish_timeout=publish_timeout)


async def make_consumer(client: LogClient, *, publish_timeout: float) -> None:
    """Creates or updates the inbox's consumer; several services can do so at once.

    Its delivery subject is fixed, so existing subscriptions continue if the consumer is recreated. The delivery group
    distributes the messages over all instances.

    Raises:
        LogUnavailableError: the log does not answer, or refuses.
    """
    config: dict[str, Any] = {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "deliver_subject": DELIVERIES,
        "deliver_group": CONSUMER,
        "deliver_policy": "all",
        "filter_subject": INBOX,
        "ack_policy": "explicit",
        # the log and the rejected stream can each take the whole timeout
        "ack_wait": int((2 * publish_timeout + 5) * 1e9),
        "max_deliver": -1,
        "max_ack_pending": MAX_IN_FLIGHT,
    }
    body = {"stream_name": INBOX_STREAM, "config": config, "action": ""}
    await client.api(f"CONSUMER.CREATE.{INBOX_STREAM}.{CONSUMER}", body)


def subscribe_inbox(broker: NatsBroker, inbox: "Inbox") -> None:
    """Registers the handler of the inbox; its consumer must exist when the broker starts."""

    @broker.subscriber(
        INBOX,
        queue=CONSUMER,
        stream=JStream(INBOX_STREAM, declare=False),
        ack_policy=AckPolicy.MANUAL,
        max_workers=WORKERS,
        decoder=undecoded,
        title=INBOX,
        description=(
            "Events, published with JetStream's acknowledgement or without. Refused events are stored in the stream "
            "ANALYTICS_REJECTED with the reason; all others are in the log shortly after."
        ),
    )
    async def analytics(message: IncomingMessage) -> None:
        raw = message.raw_message
        delay = await inbox.store(entry_from(raw.reply, None, raw.data), deliveries=raw.metadata.num_delivered)
        if delay is None:
            await raw.ack()
        else:
            await raw.nak(delay=delay)


class Inbox:
    """Stores the messages of the inbox. One per process."""

    def __init__(
        self, ingest: Ingest, rejected: Publisher, epochs: "dict[str, str]", max_payload: Callable[[], int]
    ) -> None:
        """``epochs`` has the epoch of each stream once the service runs; ``max_payload`` is the server's limit."""
        self._ingest = ingest
        self._rejected = rejected
        self._epochs = epochs
        self._max_payload = max_payload
        self._budget = ByteBudget(MAX_BYTES)
        self._outage = Outage(logger, "the inbox waits", recovered="inbox consumer recovered")

    async def store(self, entry: LogEntry, *, deliveries: int) -> float | None:
        """Appends a message's event to the log, or stores the message with the reason for its refusal.

        Returns:
            None if it is stored, else the seconds until the next delivery.
        """
        try:
            async with self._budget.spend(len(entry.payload)):
                await self._store(entry)
        except LogUnavailableError as error:
            self._outage.report(error)
            return float(min(FIRST_RETRY * 2 ** min(deliveries - 1, 8), LAST_RETRY))
        self._outage.end()
        return None

    async def _store(self, entry: LogEntry) -> None:
        epoch = self._epochs[INBOX_STREAM]
        try:
            await self._ingest.append(
                entry.payload,
                new_id=lambda: id_from_inbox(epoch, entry.seq, entry.time_ns),
                default_created_at=entry.logged_at,
            )
        except EventRejectedError as error:
            message = rejected_message(entry, error, inbox_epoch=epoch, max_payload=self._max_payload())
            [outcome] = await self._rejected.publish([message])
            if isinstance(outcome, LogUnavailableError):
                raise outcome from None
            if not outcome.duplicate:
                self._ingest.count_rejected(error)


class ByteBudget:
    """Bounds the bytes that are in progress at once. Work beyond the limit waits; a single large part proceeds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def spend(self, size: int) -> AsyncIterator[None]:
        """Waits until ``size`` bytes fit, and counts them while the block runs."""
        while self._spent and self._spent + size > self._limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._spent += size
        try:
            yield
        finally:
            self._spent -= size
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)

"""The inbox: what clients publish on ``analytics`` and JetStream keeps until it is in the log.

A message is acknowledged once the log has its event, or the rejected stream has it with the reason; until then
JetStream delivers it again, for ever. That is safe: id and time of an event that came without come from the message.
"""

import logging
from typing import Any
from uuid import UUID, uuid5

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker
from nats.aio.client import Client

from command.appender import Appender
from command.ingest import Ingest
from command.messages import IncomingMessage, undecoded
from command.rejected import keep_rejected
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError, LogUnavailableError
from contracts.subjects import INBOX, INBOX_STREAM
from runtime.log.client import JetStreamApiError, LogClient
from runtime.log.deliveries import entry_from

CONSUMER = "tailrace-inbox"
MAX_IN_FLIGHT = 1_000
"""Messages delivered and not acknowledged, over all instances; those that wait for room in the log count too."""
WORKERS = 256
"""Messages one instance works on at once: what an acknowledgement's round trip needs to keep the log busy."""
FIRST_RETRY, LAST_RETRY = 0.5, 5.0
"""Seconds until a message that could not be stored is delivered again, growing between these."""

_CONSUMER_NOT_FOUND = 10014
_IDS = UUID("9d1b9a5e-6b1c-5b0e-9f57-0c7a1f0c2b11")  # a random constant: the namespace of ids made from inbox positions

logger = logging.getLogger("tailrace.command")


def id_from_inbox(inbox_epoch: str, entry: LogEntry) -> UUID:
    """The id of an event that came without one: the same for every delivery of the message.

    The time is part of it, so that a stream made anew, which counts from 1 again, can't give ids a second time.
    """
    return uuid5(_IDS, f"{inbox_epoch}:{entry.seq}:{entry.time_ns}")


async def consumer_exists(client: LogClient) -> bool:
    """Whether the inbox's consumer is there.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    try:
        await client.api(f"CONSUMER.INFO.{INBOX_STREAM}.{CONSUMER}")
    except JetStreamApiError as error:
        if error.err_code == _CONSUMER_NOT_FOUND:
            return False
        raise
    return True


async def make_consumer(client: LogClient, *, publish_timeout: float) -> None:
    """Makes the inbox's consumer or brings it up to date; safe to run from several services at once.

    Its delivery subject is fixed, so whoever is subscribed is served again when the consumer had to be made anew, and
    the delivery group shares the messages among all instances.

    Raises:
        LogUnavailableError: the log does not answer, or refuses.
    """
    config: dict[str, Any] = {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "deliver_subject": f"_INBOX.{CONSUMER}",
        "deliver_group": CONSUMER,
        "deliver_policy": "all",
        "filter_subject": INBOX,
        "ack_policy": "explicit",
        # the log and the rejected stream may each take the whole time-out before a message is given up
        "ack_wait": int((2 * publish_timeout + 5) * 1e9),
        "max_deliver": -1,
        "max_ack_pending": MAX_IN_FLIGHT,
    }
    body = {"stream_name": INBOX_STREAM, "config": config, "action": ""}
    await client.api(f"CONSUMER.CREATE.{INBOX_STREAM}.{CONSUMER}", body)


def subscribe_inbox(broker: NatsBroker, inbox: "Inbox") -> None:
    """Registers the handler of the inbox; its consumer has to exist when the broker starts."""

    @broker.subscriber(
        INBOX,
        queue=CONSUMER,
        stream=JStream(INBOX_STREAM, declare=False),
        ack_policy=AckPolicy.MANUAL,
        max_workers=WORKERS,
        decoder=undecoded,
        title=INBOX,
        description=(
            "Events, published and forgotten or with JetStream's own acknowledgement. What is refused is kept in "
            "the stream ANALYTICS_REJECTED with its reason; everything else is in the log shortly after."
        ),
    )
    async def analytics(message: IncomingMessage) -> None:
        raw = message.raw_message
        delay = await inbox.take(entry_from(raw.reply, None, raw.data), deliveries=raw.metadata.num_delivered)
        if delay is None:
            await raw.ack()
        else:
            await raw.nak(delay=delay)


class Inbox:
    """Takes the inbox's messages into the log. One per process."""

    def __init__(self, ingest: Ingest, appender: Appender, connection: Client, inbox_epoch: str) -> None:
        self._ingest = ingest
        self._appender = appender
        self._connection = connection
        self._epoch = inbox_epoch
        self._stuck = False

    async def take(self, entry: LogEntry, *, deliveries: int) -> float | None:
        """Stores a message's event, or the message with the reason why it is refused.

        Returns:
            None once that is done, else in how many seconds to try again.
        """
        try:
            await self._store(entry)
        except LogUnavailableError as error:
            if not self._stuck:
                logger.warning("the inbox waits: %s", error)
            self._stuck = True
            return float(min(FIRST_RETRY * 2 ** min(deliveries - 1, 8), LAST_RETRY))
        if self._stuck:
            logger.info("the inbox goes on")
        self._stuck = False
        return None

    async def _store(self, entry: LogEntry) -> None:
        try:
            await self._ingest.append(
                entry.payload,
                new_id=lambda: id_from_inbox(self._epoch, entry),
                default_created_at=entry.logged_at,
            )
        except EventRejectedError as error:
            await keep_rejected(
                self._appender, entry, error, inbox_epoch=self._epoch, max_payload=self._connection.max_payload
            )

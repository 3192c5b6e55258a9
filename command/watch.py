"""Noticing what JetStream doesn't tell: a consumer or a stream that is gone, a log that is another one."""

import asyncio
import logging

from command.event_types import EventTypes
from command.inbox import consumer_exists, make_consumer
from contracts.errors import ForeignHistoryError, LogUnavailableError
from contracts.subjects import INBOX_STREAM, LOG_STREAM, REJECTED_STREAM
from runtime.log.client import LogClient, StreamMissingError, epoch_of

INTERVAL = 2.0
"""Seconds between two looks."""
MISSING = 2
"""Looks in a row that must not find a stream: a server that has just started may not know all of them yet."""

logger = logging.getLogger("tailrace.command")


async def watch(
    client: LogClient, epochs: "dict[str, str]", event_types: EventTypes, *, publish_timeout: float
) -> None:
    """Looks every ``INTERVAL`` seconds, for ever; a consumer that is gone is made anew.

    ``epochs`` gives the epoch of each stream as it was at the start.

    Raises:
        StreamMissingError: a stream is gone.
        ForeignHistoryError: a stream was made anew; positions and ids of the old one must not be given out any more.
    """
    missing, answering = 0, True
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await _look(client, epochs, event_types, publish_timeout)
            if not answering:
                logger.info("the log answers again")
            missing, answering = 0, True
        except StreamMissingError as error:
            missing += 1
            if missing >= MISSING:
                raise StreamMissingError(f"{error} any more: start this service again to make it") from None
        except LogUnavailableError as error:
            if answering:
                logger.warning("%s", error)
            answering = False


async def read_epochs(client: LogClient) -> "dict[str, str]":
    """The epoch of each stream."""
    return {
        stream: epoch_of(await client.stream_info(stream)) for stream in (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM)
    }


async def _look(client: LogClient, epochs: "dict[str, str]", event_types: EventTypes, publish_timeout: float) -> None:
    for stream, epoch in (await read_epochs(client)).items():
        if epoch != epochs[stream]:
            raise ForeignHistoryError(
                f"the stream {stream} is not the one this service started with (epoch {epoch or 'unknown'}, before "
                f"{epochs[stream]}): start the service again"
            )
    if not await consumer_exists(client):
        logger.warning("the inbox's consumer was deleted; it is made anew")
        await make_consumer(client, publish_timeout=publish_timeout)
    if (await client.state()).subjects != len(event_types):
        await event_types.load(client)

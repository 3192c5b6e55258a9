"""Detects what JetStream does not report: a consumer or a stream that is gone, and a log that was replaced."""

import asyncio
import logging

from command.appender import Appender
from command.event_types import EventTypes
from command.inbox import repair_consumer
from contracts.errors import ForeignHistoryError, LogUnavailableError
from contracts.subjects import INBOX_STREAM, LOG_STREAM, REJECTED_STREAM
from runtime.log.client import LogClient
from runtime.log.errors import StreamMissingError
from runtime.log.metadata import epoch_of
from runtime.supervise import Outage

INTERVAL = 2.0
"""Seconds between two checks."""
MISSING = 2
"""Checks in a row that must miss a stream: a server that has just started may not know all of them yet."""

logger = logging.getLogger("tailrace.command")


async def watch(
    client: LogClient,
    epochs: "dict[str, str]",
    event_types: EventTypes,
    appender: Appender,
    *,
    publish_timeout: float,
) -> None:
    """Checks every ``INTERVAL`` seconds, without end; repairs the inbox's consumer.

    ``epochs`` has the epoch of each stream as it was at the start.

    Raises:
        StreamMissingError: a stream is gone.
        ForeignHistoryError: a stream was recreated, so positions and ids of the old one are no longer valid.
    """
    missing, outage = 0, Outage(logger, "the streams can't be checked", recovered="the log answers again")
    while True:
        await asyncio.sleep(INTERVAL)
        appender.log_answers = False
        try:
            await _check(client, epochs, event_types, publish_timeout)
            appender.log_answers = True
        except StreamMissingError as error:
            missing += 1
            if missing >= MISSING:
                raise StreamMissingError(f"{error} any more: start this service again to create it") from None
        except LogUnavailableError as error:
            outage.report(error)
        else:
            missing = 0
            outage.end()


async def read_epochs(client: LogClient) -> "dict[str, str]":
    """Returns the epoch of each stream."""
    return {
        stream: epoch_of(await client.stream_info(stream)) for stream in (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM)
    }


async def _check(client: LogClient, epochs: "dict[str, str]", event_types: EventTypes, publish_timeout: float) -> None:
    for stream, epoch in (await read_epochs(client)).items():
        if epoch != epochs[stream]:
            raise ForeignHistoryError(
                f"the stream {stream} is not the one this service started with (epoch {epoch or 'unknown'}, before "
                f"{epochs[stream]}): start the service again"
            )
    await repair_consumer(client, publish_timeout=publish_timeout)
    if (await client.state()).subjects != len(event_types):
        await event_types.load(client)

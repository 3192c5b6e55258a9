"""``python -m tools.benchmarks.watching.plain_reader READING``: reads the log as nats-py does by itself.

It counts messages and does nothing else to them: what a client of ``/ws`` has beside that (events as JSON, cursors, a
connection that goes on where it was) is not here. At its end it prints what it read, ``Read``.
"""

import time
from collections.abc import AsyncIterator

import nats
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from contracts.errors import TailraceError
from contracts.subjects import EVENTS, LOG_STREAM
from runtime.log.client import close_connection
from runtime.settings import Settings, load_settings
from tools.benchmarks.watching.messages import Read, Reading, read_task, run_task

BATCH = 1_000
WAIT = 30.0
"""Seconds without a message after which the log counts as stuck."""


async def serve(settings: Settings, reading: Reading) -> Read:
    """Reads so many messages from the log's beginning.

    Raises:
        TailraceError: they don't come.
    """
    connection = await nats.connect(settings.nats_url)
    sizes = _ordered if reading.way == "ordered" else _fetched
    messages = size = 0
    try:
        began, cpu = time.monotonic(), time.process_time()
        async for found in sizes(connection.jetstream()):
            messages += 1
            size += found
            if messages == reading.messages:
                break
        return Read(messages, size, time.monotonic() - began, time.process_time() - cpu)
    except NatsTimeoutError:
        raise TailraceError(f"nats-py got {messages:,} of {reading.messages:,} messages") from None
    finally:
        await close_connection(connection)


async def _ordered(log: JetStreamContext) -> AsyncIterator[int]:
    subscription = await log.subscribe(EVENTS, stream=LOG_STREAM, ordered_consumer=True)
    while True:
        yield len((await subscription.next_msg(WAIT)).data)


async def _fetched(log: JetStreamContext) -> AsyncIterator[int]:
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    subscription = await log.pull_subscribe(EVENTS, stream=LOG_STREAM, config=config)
    while True:
        for message in await subscription.fetch(BATCH, timeout=WAIT):
            yield len(message.data)


if __name__ == "__main__":
    run_task(serve(load_settings(), read_task(Reading)))

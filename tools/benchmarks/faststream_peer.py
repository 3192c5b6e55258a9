"""The same log into the same table the way FastStream is used for it, to compare with.

``python -m tools.benchmarks.faststream_peer`` is a batch subscriber with a durable consumer and explicit acks:
at least once, so a batch that is delivered again is inserted again. It keeps no ledger, no counts and no position, and
parks nothing. It is tuned as far as FastStream lets it: large batches, a fast decoder, no type checks on top.
"""

from typing import Any

import asyncpg
import msgspec
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from nats.js.api import ConsumerConfig

from contracts.events import Event
from contracts.subjects import EVENTS, LOG_STREAM
from runtime.settings import Settings, load_settings

DURABLE = "faststream-peer"
FETCH_TIMEOUT = 0.2

INSERT = """
    insert into model_1.analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, 0
    from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[])
        as event (event_id, event_type, user_id, created_at, event_data)
"""


async def serve(settings: Settings) -> None:
    """Inserts until SIGTERM."""
    pool = await asyncpg.create_pool(settings.dsn, min_size=1, max_size=2)
    broker = NatsBroker(settings.nats_url, logger=None, apply_types=False, max_reconnect_attempts=-1)
    decoder = msgspec.json.Decoder(Event)

    async def decode(batch: Any) -> list[Event]:
        return [decoder.decode(message.data) for message in batch.raw_message]

    @broker.subscriber(
        EVENTS,
        stream=JStream(LOG_STREAM, declare=False),
        durable=DURABLE,
        config=ConsumerConfig(max_ack_pending=2 * settings.batch_size),
        pull_sub=PullSub(batch_size=settings.batch_size, timeout=FETCH_TIMEOUT, batch=True),
        decoder=decode,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def store(events: list[Event]) -> None:
        await pool.execute(
            INSERT,
            [event.event_id for event in events],
            [event.event_type for event in events],
            [event.user_id for event in events],
            [event.created_at for event in events],
            [bytes(event.event_data).decode() for event in events],
        )

    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:  # not on Windows
        from asyncio import run
    run(serve(load_settings()))

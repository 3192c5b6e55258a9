"""Consumers that insert the log's events into one plain table: FastStream and Telegraf; and the limit, ``COPY``.

``python -m tools.benchmarks.peers.sink NATS_URL DSN`` is the FastStream batch subscriber. Both acknowledge what they
have inserted: at least once, made unique by a key. They keep no counts and no position, and park nothing.
"""

import os
import shutil
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from contracts.events import Event
from contracts.subjects import EVENTS, LOG_STREAM
from tools.benchmarks.bench import ROOT, SIZE, Bench, Log, Target, connected, execute
from tools.benchmarks.process import Meter, Row
from tools.benchmarks.workload import Workload

DURABLE, FASTSTREAM_BATCH, COPY_BATCH = "peer", 1_000, 2_000
TABLE = """create table analytics_events
    (event_id uuid, event_type text, user_id bigint, created_at timestamptz not null, event_data jsonb)"""
KEY = "alter table analytics_events add primary key (event_id, created_at)"
INSERT = """insert into analytics_events
    select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[]::jsonb[])
    on conflict do nothing"""
TELEGRAF = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2"
TELEGRAF_TAGS = "custom,inputs.nats_consumer,outputs.postgresql,parsers.json_v2"
_decoder = msgspec.json.Decoder(Event)


def _columns(payloads: list[bytes]) -> list[list[Any]]:
    events = [_decoder.decode(payload) for payload in payloads]
    names = ("event_id", "event_type", "user_id", "created_at")
    data = [bytes(event.event_data).decode() for event in events]
    return [[getattr(event, name) for event in events] for name in names] + [data]


async def _serve_faststream(nats_url: str, dsn: str) -> None:
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    broker = NatsBroker(nats_url, logger=None, apply_types=False)

    async def decode(batch: Any) -> list[list[Any]]:
        return _columns([message.data for message in batch.raw_message])

    @broker.subscriber(
        EVENTS,
        stream=JStream(LOG_STREAM, declare=False),
        durable=DURABLE,
        config=ConsumerConfig(max_ack_pending=2 * FASTSTREAM_BATCH),
        pull_sub=PullSub(batch_size=FASTSTREAM_BATCH, timeout=0.2, batch=True),
        decoder=decode,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def store(columns: list[list[Any]]) -> None:
        await pool.execute(INSERT, *columns)

    await FastStream(broker, logger=None).run()


async def drain_faststream(bench: Bench, log: Log, entries: int) -> Row:
    """Measure FastStream on the first ``entries`` of a log."""
    dsn = await _table(bench, KEY)
    return await _drain(bench, log, entries, dsn, sys.executable, "-m", __name__, log.url, dsn)


async def drain_telegraf(bench: Bench, log: Log, entries: int) -> Row | None:
    """Measure Telegraf; None where neither it nor Go is installed."""
    folder, built = Path(__file__).parent, ROOT / ".tools" / "go" / "telegraf"
    binary = shutil.which("telegraf") or shutil.which(built)
    if binary is None and shutil.which("go") is not None:
        bench.say("building Telegraf (once, some minutes)")
        env = os.environ | {"GOBIN": str(built.parent), "CGO_ENABLED": "0"}
        build = ("go", "install", "-tags", TELEGRAF_TAGS, TELEGRAF)
        await bench.program("go install", *build, env=env).wait(1_800)
        binary = str(built)
    if binary is None:
        return None
    dsn = await _table(bench, KEY, (folder / "telegraf.sql").read_text())
    variables = {"NATS": log.url, "SUBJECT": EVENTS, "STREAM": LOG_STREAM, "DURABLE": DURABLE, "DSN": dsn}
    command = (binary, "--config", str(folder / "telegraf.conf"))
    return await _drain(bench, log, entries, dsn, *command, env=os.environ | variables)


async def drain_copy(bench: Bench, workload: Workload) -> Row:
    """Measure ``COPY`` of the same events into a table without a key, their rows ready in memory."""
    chunks, events, dsn = [], 0, await _table(bench)
    while payloads := [message.payload for message in islice(workload, COPY_BATCH)]:
        chunks.append(list(zip(*_columns(payloads), strict=True)))
        events += len(payloads)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        meter = Meter(bench.postgres_pid, process=os.getpid())
        for chunk in chunks:
            await pool.copy_records_to_table("analytics_events", records=chunk)
        return meter.row(events) | {"bytes/event": await execute(dsn, SIZE) / events}


async def _table(bench: Bench, *statements: str) -> str:
    # the projector does not wait for the disk either: what is lost is read from the log again
    dsn = f"{await bench.database()}?options=-csynchronous_commit%3Doff"
    for statement in (TABLE, *statements):
        await execute(dsn, statement)
    return dsn


async def _drain(bench: Bench, log: Log, entries: int, dsn: str, *command: str, **options: Any) -> Row:
    async with connected(log) as stream:

        async def acknowledged() -> int:
            with suppress(NotFoundError):
                floor = (await stream.consumer_info(LOG_STREAM, DURABLE)).ack_floor
                return floor.stream_seq if floor is not None else 0
            return 0

        process = bench.program("peer", *command, **options)
        row = await bench.follow(Target(log, dsn, bench.postgres_pid, "", ""), process, entries, acknowledged)
        await process.stop()
        with suppress(NotFoundError):  # Telegraf deletes its own
            await stream.delete_consumer(LOG_STREAM, DURABLE)
    return row | {"bytes/event": await execute(dsn, SIZE) / entries}


if __name__ == "__main__":
    uvloop.run(_serve_faststream(*sys.argv[1:]))

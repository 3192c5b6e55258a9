"""How the pipeline is doing, every few seconds: a row for those who have SQL alone, and the service's gauges."""

import asyncio
import logging
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError, TailraceError
from contracts.subjects import INBOX_STREAM, REJECTED_STREAM
from projection.metrics import ProjectionMetrics
from projection.store import projection_sql
from runtime.log.client import LogClient
from runtime.log.lag import lag_behind
from runtime.postgres import UNAVAILABLE, connect
from runtime.settings import Settings

INTERVAL = 10.0
"""Seconds between samples: 8,640 rows a day."""
KEPT_DAYS = 14
PATIENCE = 2.0
"""Seconds the log gets to answer."""

logger = logging.getLogger("tailrace.projection")


class LogSample(NamedTuple):
    """What the log's server knows; None while it does not answer."""

    log_first_seq: int | None = None
    log_last_seq: int | None = None
    log_entries: int | None = None
    log_bytes: int | None = None
    inbox_waiting: int | None = None
    rejected: int | None = None


class Sample(NamedTuple):
    """A row of ``pipeline_samples``, without its time."""

    log: LogSample
    model: str
    projected_seq: int
    lag_events: int | None
    lag_seconds: float | None
    parked: int
    late_pending: int
    database_bytes: int


async def keep_sampling(settings: Settings, log: LogClient, metrics: ProjectionMetrics) -> None:
    """Samples every ``INTERVAL`` seconds, for ever; while the database is away there are no samples."""
    while True:
        try:
            connection = await connect(settings.dsn, name="samples")
            try:
                while True:
                    sample = await take_sample(connection, log)
                    await keep_sample(connection, sample)
                    metrics.show(sample)
                    await asyncio.sleep(INTERVAL)
            finally:
                await connection.close(timeout=2)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            logger.debug("no sample: %s", error)  # who projects says it better
            metrics.show(None)
            await asyncio.sleep(INTERVAL)


async def take_sample(connection: "asyncpg.Connection", log: LogClient) -> Sample:
    """How the pipeline is doing now.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer.
    """
    # the log last: it can only have grown since, so the lag is never negative
    row = await connection.fetchrow(projection_sql("sample_model"))
    sample, lag_events, lag_seconds = LogSample(), None, None
    try:
        async with asyncio.timeout(PATIENCE):
            state = await log.state()
            lag = await lag_behind(log, state, Cursor(row["epoch"], row["seq"], row["fingerprint"]))
            waiting, rejected = await asyncio.gather(_messages(log, INBOX_STREAM), _messages(log, REJECTED_STREAM))
        lag_events, lag_seconds = lag.events, lag.seconds
        sample = LogSample(state.first_seq, state.last_seq, state.entries, state.bytes, waiting, rejected)
    except (LogUnavailableError, TimeoutError):
        pass  # null says it
    return Sample(
        sample,
        row["model"],
        row["seq"],
        lag_events,
        lag_seconds,
        row["parked"],
        row["late_pending"],
        row["database_bytes"],
    )


async def keep_sample(connection: "asyncpg.Connection", sample: Sample) -> None:
    """Writes a sample, unless there is a fresh one, and forgets the oldest."""
    log, *rest = sample
    # another service's sample may be a little younger than a whole interval
    await connection.execute(projection_sql("keep_sample"), *log, *rest, INTERVAL * 0.8)
    await connection.execute(projection_sql("forget_samples"), KEPT_DAYS)


async def _messages(log: LogClient, stream: str) -> int:
    return int((await log.stream_info(stream))["state"]["messages"])

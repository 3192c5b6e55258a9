"""How the pipeline is doing, every few seconds: a row for those who have SQL alone, and the service's gauges."""

import asyncio
import logging
from typing import NamedTuple

import asyncpg

from contracts.errors import LogUnavailableError, TailraceError
from migrations.pipeline import compare_with_log, read_live_model, read_queues
from projection.metrics import ProjectionMetrics
from projection.store import projection_sql
from runtime.log.client import JetStreamApiError, LogClient
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
    model = await read_live_model(connection)
    state, lag, _ = await compare_with_log(log, model.position, timeout=PATIENCE)
    sample = LogSample()
    if state is not None:
        try:
            async with asyncio.timeout(PATIENCE):
                queues = await read_queues(log)
            sample = LogSample(state.first_seq, state.last_seq, state.entries, state.bytes, *queues)
        except (LogUnavailableError, JetStreamApiError, TimeoutError):
            pass  # null says it
    return Sample(
        sample,
        model.name,
        model.position.seq,
        lag.events,
        lag.seconds,
        model.parked,
        model.late_pending,
        await connection.fetchval("select pg_database_size(current_database())"),
    )


async def keep_sample(connection: "asyncpg.Connection", sample: Sample) -> None:
    """Writes a sample, unless there is a fresh one, and forgets the oldest."""
    log, *rest = sample
    # another service's sample may be a little younger than a whole interval
    await connection.execute(projection_sql("keep_sample"), *log, *rest, INTERVAL * 0.8)
    await connection.execute(projection_sql("forget_samples"), KEPT_DAYS)

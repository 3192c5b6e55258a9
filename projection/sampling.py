"""Samples the pipeline's state every few seconds: into a table for SQL users, and into the service's gauges."""

import asyncio
import logging
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import asyncpg

from contracts.errors import LogUnavailableError, TailraceError
from migrations.pipeline import compare_with_log, count_entries, find_losses, read_live_model, read_streams
from migrations.projections import read_states
from projection.store import projection_sql
from runtime.log.client import LogClient
from runtime.postgres import UNAVAILABLE, connected
from runtime.settings import Settings

INTERVAL = 10.0
"""Seconds between samples: 8,640 rows a day."""
KEPT_DAYS = 14
LOG_TIMEOUT = 2.0

logger = logging.getLogger("tailrace.projection")


class LogSample(NamedTuple):
    """The state of the log's server; None while it does not answer."""

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
    projections: dict[str, tuple[int | None, bool]]
    """Of each live declared projection: the entries that it lacks, and whether it has stopped. Not stored."""


async def sample_forever(settings: Settings, log: LogClient, show: Callable[[Sample | None], None]) -> None:
    """Stores and shows a sample every ``INTERVAL`` seconds; shows None during an outage of the database."""
    while True:
        try:
            async with connected(settings.dsn, name="samples", limit=INTERVAL) as connection:
                while True:
                    sample = await take_sample(connection, log)
                    await store_sample(connection, sample)
                    show(sample)
                    await asyncio.sleep(INTERVAL)
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            logger.debug("no sample: %s", error)  # the worker logs the outage
            show(None)
            await asyncio.sleep(INTERVAL)


async def take_sample(connection: "asyncpg.Connection", log: LogClient) -> Sample:
    """Returns the pipeline's current state.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer.
    """
    # the log last: it can only have grown since, so the lag is never negative
    model = await read_live_model(connection)
    state, lag, _ = await compare_with_log(log, model.position, timeout=LOG_TIMEOUT)
    sample = LogSample()
    if state is not None:
        for loss in find_losses(state):
            _log_once(loss)
        try:
            async with asyncio.timeout(LOG_TIMEOUT):
                streams = await read_streams(log)
            sample = LogSample(
                state.first_seq, state.last_seq, state.entries, state.bytes, streams.inbox_waiting, streams.rejected
            )
        except (LogUnavailableError, TimeoutError):
            pass  # null: unknown
    return Sample(
        sample,
        model.name,
        model.position.seq,
        lag.events,
        lag.seconds,
        model.parked,
        model.late_pending,
        await connection.fetchval("select pg_database_size(current_database())"),
        {
            one.model.name: (count_entries(one.seq + 1, state.last_seq, state.gaps) if state else None, one.failed)
            for one in await read_states(connection)
            if one.model.live
        },
    )


@cache
def _log_once(problem: str) -> None:
    logger.error("%s", problem)


async def store_sample(connection: "asyncpg.Connection", sample: Sample) -> None:
    """Stores a sample unless another service has just stored one; deletes old samples."""
    log, *rest, _ = sample
    # another service's sample may be slightly younger than an interval
    await connection.execute(projection_sql("store_sample"), *log, *rest, INTERVAL * 0.8)
    await connection.execute(projection_sql("delete_samples"), KEPT_DAYS)

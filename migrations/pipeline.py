"""Reads the state of the pipeline: the live model, the log, and the lag between them.

``GET /status``, ``tailrace status``, the panel of ``tailrace up``, the samples and the gauges show what is read here.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import Gap, LogState, uncovered
from contracts.errors import LogUnavailableError, TailraceError
from contracts.subjects import INBOX_STREAM, LOG_STREAM, REJECTED_STREAM
from migrations.files import GENERATION
from migrations.flavours import Flavour
from migrations.streams import stream_problems
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError
from runtime.log.positions import verify_position
from runtime.postgres import read_sql

LAG_TIMEOUT = 1.0
"""Seconds to wait for the log; answers from the read model do not wait longer for their lag."""


class ModelState(NamedTuple):
    """The live model: its position, and the entries and events that its counts lack."""

    name: str
    flavour: Flavour
    position: Cursor
    logged_at: datetime | None
    revision: int
    parked: int
    late_pending: int
    stale: bool
    """Whether it is of the previous generation: frozen until its successor is shown."""


class Lag(NamedTuple):
    """The log's end, and the entries behind a position: how many, and the age of the oldest. None: unknown."""

    last_seq: int | None = None
    events: int | None = None
    seconds: float | None = None


class Comparison(NamedTuple):
    """The log compared with a position. ``error``: why the lag is unknown."""

    log: LogState | None
    lag: Lag
    error: TailraceError | None


class Streams(NamedTuple):
    """Messages that are not in the log (waiting in the inbox, rejected), and problems of the three streams."""

    inbox_waiting: int
    rejected: int
    problems: list[str]


class ProjectorError(NamedTuple):
    """An error at which a model's projector stopped, at the sequence that the model still has."""

    seq: int
    message: str
    occurred_at: datetime


async def read_live_model(connection: "asyncpg.Connection") -> ModelState:
    """Returns the state of the live model; a single statement, so its parts agree.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or has no read model.
    """
    row = await connection.fetchrow(read_sql("migrations", "live_model_state"))
    return ModelState(
        row["name"],
        row["flavour"],
        Cursor(row["epoch"], row["seq"], row["fingerprint"]),
        row["logged_at"],
        row["revision"],
        row["parked"],
        row["late_pending"],
        row["generation"] != GENERATION,
    )


async def read_streams(client: LogClient) -> Streams:
    """Returns the sizes of the inbox and of the store of rejected messages, and the problems of all streams.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    log, inbox, rejected = await asyncio.gather(
        *(client.stream_info(name) for name in (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM))
    )
    problems = [problem for info in (log, inbox, rejected) for problem in stream_problems(info)]
    return Streams(inbox["state"]["messages"], rejected["state"]["messages"], problems)


def find_losses(state: LogState) -> list[str]:
    """Returns a sentence for each loss of entries that is not recorded."""
    problems = [
        f"the log begins at sequence {state.first_seq}: entries {gap.first} to {gap.last} are gone; restore them from "
        f"a backup, or record the loss with `tailrace log accept-gap {gap}`"
        for gap in uncovered(Gap(1, state.first_seq - 1), state.gaps)
    ]
    missing = count_entries(state.first_seq, state.last_seq, state.gaps) - state.entries
    if missing > 0:
        problems.append(f"{missing:,} entries of the log are gone: `tailrace verify` names them")
    return problems


async def read_projector_error(connection: "asyncpg.Connection", model: str) -> ProjectorError | None:
    """Returns the last error of a model's projector; None if the model has moved since."""
    row = await connection.fetchrow(
        "select seq, message, occurred_at from tailrace.projector_errors "
        f"where model = $1 and seq = (select seq from {model}.projection_position)",
        model,
    )
    return None if row is None else ProjectorError(*row)


async def record_projector_error(connection: "asyncpg.Connection", model: str, message: str) -> None:
    """Records why a model's projector stopped, with the model's position."""
    await connection.execute(
        "insert into tailrace.projector_errors (model, seq, message) "
        f"select $1, seq, $2 from {model}.projection_position "
        "on conflict (model) do update set (seq, message, occurred_at) = (excluded.seq, excluded.message, now())",
        model,
        message,
    )


async def delete_projector_error(connection: "asyncpg.Connection", model: str) -> None:
    """Deletes the recorded error of a model that is not projected, so that its position never outdates it."""
    await connection.execute("delete from tailrace.projector_errors where model = $1", model)


async def compare_with_log(client: LogClient, position: Cursor | None, *, timeout: float = LAG_TIMEOUT) -> Comparison:
    """Reads the log's state and checks that ``position`` belongs to this log. Errors are returned, not raised.

    The lag does not show another history: a restored log may have grown past the position again.
    """
    state: LogState | None = None
    error: TailraceError
    try:
        async with asyncio.timeout(timeout):
            state = await client.state()
            if position is None:
                return Comparison(state, Lag(state.last_seq), None)
            if position.epoch:
                await verify_position(client, position)
            return Comparison(state, await _lag_behind(client, state, position), None)
    except TimeoutError:
        error = LogUnavailableError(f"the log did not answer in {timeout:g} s")
    except TailraceError as caught:
        error = caught
    return Comparison(state, Lag(state.last_seq if state else None), error)


async def measure_lag(client: LogClient, position: Cursor) -> Lag:
    """Returns the lag of a position; unknown while the log does not answer, or if the position is of another log."""
    try:
        async with asyncio.timeout(LAG_TIMEOUT):
            return await _lag_behind(client, await client.state(), position)
    except (LogUnavailableError, JetStreamApiError, TimeoutError):
        return Lag()


def count_entries(first: int, last: int, gaps: Iterable[Gap]) -> int:
    """Returns the number of entries from ``first`` to ``last`` (sequences, inclusive) outside the recorded gaps."""
    return sum(part.last - part.first + 1 for part in uncovered(Gap(first, last), gaps))


async def _lag_behind(client: LogClient, state: LogState, position: Cursor) -> Lag:
    if position.epoch not in ("", state.epoch) or position.seq > state.issued_seq:
        return Lag(state.last_seq)
    missing = uncovered(Gap(position.seq + 1, state.last_seq), state.gaps)
    if not missing:
        return Lag(state.last_seq, 0, 0.0)
    oldest = await client.get(max(missing[0].first, state.first_seq))
    seconds = round(max(time.time() - oldest.time_ns / 1e9, 0.0), 3) if oldest else None
    return Lag(state.last_seq, count_entries(position.seq + 1, state.last_seq, state.gaps), seconds)

"""How far a read model is behind the log."""

import asyncio
import time
from typing import NamedTuple

from contracts.cursors import Cursor
from contracts.entries import LogState
from contracts.errors import LogUnavailableError
from runtime.log.client import LogClient

PATIENCE = 1.0
"""Seconds the log gets to answer: a question to the read model doesn't wait for it."""


class Lag(NamedTuple):
    """``last_seq`` is the log's end; ``events`` and ``seconds`` what is not projected yet. None: not known."""

    last_seq: int | None = None
    events: int | None = None
    seconds: float | None = None


async def measure_lag(log: LogClient, projected: Cursor) -> Lag:
    """Compares a position of the read model with the log; nothing is known while the log does not answer.

    The lag isn't known either where the model is of another log than this one.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await lag_behind(log, await log.state(), projected)
    except (LogUnavailableError, TimeoutError):
        return Lag()


async def lag_behind(log: LogClient, state: LogState, projected: Cursor) -> Lag:
    """Compares a position of the read model with a state of the log.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    if projected.epoch not in ("", state.epoch) or projected.seq > state.last_seq:
        return Lag(state.last_seq)
    if projected.seq == state.last_seq:
        return Lag(state.last_seq, 0, 0.0)
    oldest = await log.get(max(projected.seq + 1, state.first_seq))
    seconds = round(max(time.time() - oldest.time_ns / 1e9, 0.0), 3) if oldest else None
    return Lag(state.last_seq, state.last_seq - projected.seq, seconds)

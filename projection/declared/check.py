"""Checks that a projection gives the same rows however the log is cut into batches, and whatever the clock says."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from contracts.cursors import Cursor
from migrations.projections import DeclaredModel
from projection.declared.clock import shifted
from projection.declared.digest import TableDigest, compare
from projection.declared.replay import build_to
from projection.declared.verify import scratch, snapshot
from projection.replay import Step
from runtime.log.client import LogClient
from runtime.settings import Settings

SIZES = (1, 7, 2_000)
ENTRIES = 5_000
"""Log entries of the slice: batches of one entry take some milliseconds each."""
SHIFT = timedelta(days=400)


async def check_projection(
    client: LogClient,
    settings: Settings,
    connection: "asyncpg.Connection",
    model: DeclaredModel,
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[str]:
    """Builds the log's first entries with batches of several sizes, with a restart halfway and under another clock.

    Returns a sentence for each build that differs from the first.

    Raises:
        TailraceError: the projection can't be built.
    """
    ledger = Cursor(*await connection.fetchrow(f"select epoch, seq, fingerprint from {model.ledger}.ledger_position"))
    end = await _cursor(client, ledger, min(ledger.seq, ENTRIES))
    middle = await _cursor(client, ledger, end.seq // 2)
    differences: list[str] = []
    first: dict[str, TableDigest] | None = None
    for size in SIZES:
        other_clock = size == SIZES[-1]
        async with scratch(connection, model) as other:
            sized = settings.model_copy(update={"batch_size": size, "replay_share": 1.0})
            # every build starts with empty caches, as after a kill
            for until in (middle, end):
                with shifted(SHIFT if other_clock else timedelta()):
                    await build_to(client, sized, other, until, asyncio.Event(), on_step)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                _, found = await snapshot(connection, other)
        if first is None:
            first = found
        else:
            clock = ", under a clock of another year" if other_clock else ""
            differences += [f"batches of {size:,}{clock}: {one}" for one in compare(first, found)]
    return differences


async def _cursor(client: LogClient, ledger: Cursor, seq: int) -> Cursor:
    """Returns the position of log entry ``seq``, or of the next one that is not lost."""
    if seq == 0:
        return Cursor(ledger.epoch, 0)
    found = await client.next_seq(seq)
    entry = await client.get(found) if found is not None else None
    return ledger if entry is None else entry.cursor(ledger.epoch)

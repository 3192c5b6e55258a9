"""Compares a read model with the log, up to the position the model names."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.entries import Gap, merged, uncovered
from tailrace.contracts.upcasting import NO_UPCASTERS, Upcasters
from tailrace.migrations.models import Model
from tailrace.migrations.runner import live_model
from tailrace.projection.verify.derived import compare_derived
from tailrace.projection.verify.receipt import Receipt
from tailrace.projection.verify.recount import Recount, Row, read_rows
from tailrace.projection.verify.tables import TAKEN_AS_PARKED, Cell, Digests, Tables
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.history import last_entry_until
from tailrace.runtime.log.reader import verify_position

NAMED = 5
"""Differences of one kind that are named; the receipt says when there are more."""
SEARCHED = 3
PATIENCE = 30.0
"""Seconds to wait for late events to be in the aggregates."""
POLL = 0.2
"""Differing cells (day and type) whose rows are compared one by one."""


async def verify(
    client: LogClient,
    connection: "asyncpg.Connection",
    on_read: Callable[[int, int], None] = lambda done, of: None,
    *,
    model: Model | None = None,
    upcasters: Upcasters = NO_UPCASTERS,
) -> Receipt:
    """Reads the log again and compares. Nothing is locked; the projector may go on meanwhile.

    The live model, if no other is given. ``on_read`` is told how many entries of how many were read.

    Raises:
        SchemaError: this program doesn't know the database's schema.
        ForeignHistoryError, LogHoleError: the log is not the one the model was built from, or a part of it is gone.
        LogUnavailableError: the log does not answer.
    """
    model = model or await live_model(connection)
    await _until_settled(connection, model)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('search_path', $1, true)", model.name)
        tables = Tables(connection)
        position, log_from = await tables.position()
        if position is None:
            state = await client.state()
            return Receipt(model.name, Cursor(state.epoch, 0), log_from)
        state = await verify_position(client, position)
        end = await last_entry_until(client, position.seq, state)
        receipt = Receipt(model.name, position, log_from, raw_from=await tables.raw_from())
        return await _Verification(client, tables, upcasters, receipt, end, on_read).run()


async def _until_settled(connection: "asyncpg.Connection", model: Model) -> None:
    """Late events are in the aggregates within seconds; what is still pending after ``PATIENCE`` is a difference."""
    deadline = time.monotonic() + PATIENCE
    pending = f"select exists (select from {model.name}.late_ranges)"
    while time.monotonic() < deadline:
        if not await connection.fetchval(pending):
            return
        await asyncio.sleep(POLL)


class _Verification:
    def __init__(
        self,
        client: LogClient,
        tables: Tables,
        upcasters: Upcasters,
        receipt: Receipt,
        end: int,
        on_read: Callable[[int, int], None],
    ) -> None:
        self._client = client
        self._tables = tables
        self._upcasters = upcasters
        self._receipt = receipt
        self._end = end
        self._on_read = on_read
        self._refused: frozenset[int] = frozenset()

    async def run(self) -> Receipt:
        receipt = self._receipt
        parked = await self._tables.parked()
        self._refused = frozenset(seq for seq, code in parked.items() if code in TAKEN_AS_PARKED)
        recount, logged, kept = Recount(), Digests(), Digests()
        async for rows in self._rows(recount):
            logged.add(await self._tables.hash_rows(rows))
        kept.add(await self._tables.hash_table())
        receipt.count(recount, logged, kept)
        if cells := logged.since(receipt.raw_from).differing(kept.since(receipt.raw_from)):
            await self._name_rows(cells)
        self._compare_parked(recount.parked, parked)
        self._compare_gaps(recount.gaps, await self._tables.gaps())
        await self._compare_ledger(recount.claims)
        await compare_derived(self._tables, receipt, logged)
        return receipt

    def _rows(self, recount: Recount) -> AsyncIterator[list[Row]]:
        receipt = self._receipt
        # before the first entry it counts from there is nothing to compare a mark with
        start = Cursor(receipt.position.epoch, receipt.log_from - 1)

        def on_read(seq: int) -> None:
            self._on_read(seq - receipt.log_from + 1, self._end - receipt.log_from + 1)

        return read_rows(self._client, start, self._end, self._refused, self._upcasters, recount, on_read)

    async def _name_rows(self, cells: list[Cell]) -> None:
        searched = set(cells[:SEARCHED])
        there: list[Row] = []
        async for rows in self._rows(Recount()):
            there += [row for row in rows if row.cell in searched]
        for row in await self._tables.differing_rows(there, sorted(searched), NAMED):
            if row["kept_seq"] is None:
                what = f"the row of log entry {row['logged_seq']} is missing"
            elif row["logged_seq"] is None:
                what = f"the table has a row (log entry {row['kept_seq']}) that the log does not ask for here"
            else:
                what = f"the row is not what log entry {row['logged_seq']} says"
            self._receipt.differ(f"analytics_events, event {row['event_id']}: {what}")
        if len(cells) > SEARCHED:
            self._receipt.differ(f"analytics_events: {len(cells) - SEARCHED} more days and types differ")

    def _compare_parked(self, logged: set[int], kept: dict[int, str]) -> None:
        for seq in sorted(logged - kept.keys())[:NAMED]:
            self._receipt.differ(f"parked_events: log entry {seq} can't be projected and is not there")
        for seq in sorted(kept.keys() - logged)[:NAMED]:
            self._receipt.differ(f"parked_events: log entry {seq} is there, but nothing is wrong with it")

    def _compare_gaps(self, passed: list[Gap], kept: tuple[Gap, ...]) -> None:
        """What the log has lost the model must not have, and know that it hasn't."""
        receipt = self._receipt
        if self._end < receipt.position.seq:
            passed.append(Gap(max(self._end + 1, receipt.log_from), receipt.position.seq))
        receipt.gaps = merged(passed)
        for gap in receipt.gaps:
            for part in uncovered(gap, kept):
                self._receipt.differ(
                    f"log_gaps: log entries {part.first} to {part.last} are lost, but the model saw them before: "
                    "it holds more than a replay would"
                )
        for gap in kept:
            for part in uncovered(gap, receipt.gaps):
                self._receipt.differ(
                    f"log_gaps: the model passed log entries {part.first} to {part.last} as lost, but the log has them"
                )

    async def _compare_ledger(self, claims: dict[UUID, int]) -> None:
        """Empties ``claims``: what is left in the end is missing. They may be millions, so there is no copy."""
        named = 0
        async for event_id, seq in self._tables.ledger():
            wanted = claims.pop(event_id, None)
            if wanted == seq:
                continue
            named += 1
            if named <= NAMED:
                right = f"log entry {wanted} counts" if wanted else "the log has no such id"
                self._receipt.differ(f"event_ids, event {event_id}: it is claimed for log entry {seq}, but {right}")
        for event_id, seq in list(claims.items())[:NAMED]:
            self._receipt.differ(f"event_ids, event {event_id}: the id of log entry {seq} is missing")
        if len(claims) > NAMED:
            self._receipt.differ(f"event_ids: {len(claims) - NAMED:,} more ids are missing")

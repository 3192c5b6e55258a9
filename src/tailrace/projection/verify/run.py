"""Compares a read model with the log, up to the position the model names."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.migrations.runner import live_model
from tailrace.projection.verify.receipt import Receipt
from tailrace.projection.verify.recount import Recount, Row, read_rows
from tailrace.projection.verify.tables import DATABASE_REFUSED, LEVELS, Cell, Digests, Tables
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.reader import verify_position

NAMED = 5
"""Differences of one kind that are named; the receipt says when there are more."""
SEARCHED = 3
"""Differing cells (day and type) whose rows are compared one by one."""


async def verify(
    client: LogClient, connection: "asyncpg.Connection", on_read: Callable[[int, int], None] = lambda done, of: None
) -> Receipt:
    """Reads the log again and compares. Nothing is locked; the projector may go on meanwhile.

    ``on_read`` is told how many entries of how many were read.

    Raises:
        SchemaError: this program doesn't know the database's schema.
        ForeignHistoryError, LogHoleError: the log is not the one the model was built from, or a part of it is gone.
        LogUnavailableError: the log does not answer.
    """
    model = await live_model(connection)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('search_path', $1, true)", model)
        tables = Tables(connection)
        position, log_from = await tables.position()
        if position is None:
            state = await client.state()
            return Receipt(model, Cursor(state.epoch, 0), log_from)
        await verify_position(client, position)
        return await _Verification(client, tables, Receipt(model, position, log_from), on_read).run()


class _Verification:
    def __init__(
        self, client: LogClient, tables: Tables, receipt: Receipt, on_read: Callable[[int, int], None]
    ) -> None:
        self._client = client
        self._tables = tables
        self._receipt = receipt
        self._on_read = on_read
        self._refused: frozenset[int] = frozenset()

    async def run(self) -> Receipt:
        receipt = self._receipt
        parked = await self._tables.parked()
        self._refused = frozenset(seq for seq, code in parked.items() if code == DATABASE_REFUSED)
        recount, logged, kept = Recount(), Digests(), Digests()
        async for rows in self._rows(recount):
            logged.add(await self._tables.hash_rows(rows))
        kept.add(await self._tables.hash_table())
        receipt.count(recount, logged, kept)
        if cells := logged.differing(kept):
            await self._name_rows(cells)
        self._compare_parked(recount.parked, parked)
        await self._compare_ledger(recount.claims)
        await self._compare_derived()
        return receipt

    def _rows(self, recount: Recount) -> AsyncIterator[list[Row]]:
        receipt = self._receipt
        # before the first entry it counts from there is nothing to compare a mark with
        start = Cursor(receipt.position.epoch, receipt.log_from - 1)
        end = receipt.position.seq

        def on_read(seq: int) -> None:
            self._on_read(seq - receipt.log_from + 1, end - receipt.log_from + 1)

        return read_rows(self._client, start, end, self._refused, recount, on_read)

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

    async def _compare_derived(self) -> None:
        for level in LEVELS:
            for row in await self._tables.differing_buckets(level, NAMED):
                self._receipt.differ(
                    f"events_by_{level}, {row['bucket'].isoformat()} {row['event_type']}: "
                    f"it says {row['kept'] or 0:,} events, the rows are {row['counted'] or 0:,}"
                )
        for row in await self._tables.differing_totals(NAMED):
            self._receipt.differ(
                f"all_time, {row['event_type'] or 'all types'}: it says {row['kept_events'] or 0:,} events of "
                f"{row['kept_users'] or 0:,} users ({row['members'] or 0:,} kept), the rows are "
                f"{row['events'] or 0:,} of {row['users'] or 0:,}"
            )

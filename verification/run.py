"""Compares a read model with the log, up to the model's position."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import asyncpg
from pyroaring import BitMap64

from contracts.cursors import Cursor
from contracts.entries import Gap, merge_gaps, uncovered
from contracts.upcasting import NO_UPCASTERS, Upcasters
from migrations.catalogue import Model, list_models
from migrations.generations import current_model
from migrations.runner import require_current_schema
from runtime.log.client import LogClient
from runtime.log.positions import last_entry_until, verify_position
from tailrace.declared import PAGES
from verification.derived import compare_derived
from verification.digests import ROWS, Cell, Digests, add_to, every_relation
from verification.receipt import NAMED, Receipt
from verification.recount import Entry, Recount, Refused, read_entries
from verification.rollup_count import RollupCount
from verification.rollups import compare_rollup
from verification.tables import Late, Tables
from verification.user_recount import UserRecount
from verification.users import compare_users, read_users

SEARCHED = 3
"""Differing cells (day and type) whose rows are compared one by one."""
SETTLING = 5.0
"""Seconds to wait for late events that are on their way into the aggregates: more may come all the time."""
REFRESH_TIMEOUT = 30.0
"""Seconds without any refresh after which late events count as a difference."""
POLL = 0.2


async def verify(
    client: LogClient,
    connection: "asyncpg.Connection",
    on_read: Callable[[int, int], None] = lambda done, of: None,
    *,
    model: Model | None = None,
    upcasters: Upcasters = NO_UPCASTERS,
) -> Receipt:
    """Reads the log again and compares. Nothing is locked; the projector may continue.

    The live model, if no other is given; if that is of an earlier generation, its successor. ``on_read`` receives the
    number of entries read and their total.

    Raises:
        SchemaError: this program doesn't know the database's schema, or no model is of its generation.
        ForeignHistoryError, LostEntriesError: the log is not the one the model was built from, or a part of it is gone.
        LogUnavailableError: the log does not answer.
    """
    if model is None:
        await require_current_schema(connection)
        model = current_model(await list_models(connection))
    waiting = _Waiting()
    while True:
        # late events are read in the snapshot that is compared: an earlier snapshot may have others
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("select set_config('search_path', $1, true)", model.search_path)
            tables = Tables(connection, model)
            if waiting.is_over(late := await tables.late()):
                return await _verify(client, tables, model, late, waiting, upcasters, on_read)
        await asyncio.sleep(POLL)


class _Waiting:
    """Waits until no late event is pending, for a limited time, since more may always come."""

    def __init__(self) -> None:
        self.refreshed = False
        """Whether maintenance refreshes them."""
        self._began = time.monotonic()
        self._before: dict[datetime, Late] = {}

    def is_over(self, late: dict[datetime, Late]) -> bool:
        """Returns whether to compare now; ``late`` is what is pending now."""
        self.refreshed = self.refreshed or any(_went(was, late.get(hour)) for hour, was in self._before.items())
        self._before = late
        waited = time.monotonic() - self._began
        return not late or waited >= REFRESH_TIMEOUT or (self.refreshed and waited >= SETTLING)


def _went(was: Late, now: Late | None) -> bool:
    """Whether some late events of an hour were refreshed: each batch since then has added some."""
    return now is None or now.gen < was.gen or now.events < was.events + now.gen - was.gen


async def _verify(
    client: LogClient,
    tables: Tables,
    model: Model,
    late: dict[datetime, Late],
    waiting: _Waiting,
    upcasters: Upcasters,
    on_read: Callable[[int, int], None],
) -> Receipt:
    position, log_from = await tables.position()
    if position is None:
        state = await client.state()
        return Receipt(model.name, Cursor(state.epoch, 0), log_from)
    state = await verify_position(client, position)
    end = await last_entry_until(client, position.seq, state)
    receipt = Receipt(
        model.name,
        position,
        log_from,
        raw_from=await tables.raw_from(),
        late_pending=sum(one.events for one in late.values()),
        late_hours=sorted(late),
    )
    if late and not waiting.refreshed:
        receipt.differ(
            f"late_ranges: {receipt.late_pending:,} late events are not in the aggregates yet; "
            "is the projection service running?"
        )
    return await _Verification(client, tables, upcasters, receipt, end, on_read).run()


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
        self._refused = Refused(frozenset(), frozenset(), None)

    async def run(self) -> Receipt:
        receipt = self._receipt
        parked = await self._tables.parked()
        self._refused = Refused(
            frozenset(seq for seq, code in parked.items() if code == "database_refused"),
            frozenset(seq for seq, code in parked.items() if code == "before_retention"),
            receipt.raw_from,
        )
        users = UserRecount(await read_users(self._tables))
        recount, logged, kept = Recount(), every_relation(), every_relation()
        pages = RollupCount(PAGES) if await self._tables.keeps_pages() else None
        with receipt.naming("event_ids", "ids") as name:
            await self._hash_log(recount, users, pages, logged, name)
        async for found in self._tables.hash_all(receipt.late_hours):
            add_to(kept, found)
        receipt.count(recount, logged, kept)
        if cells := receipt.tables[ROWS].differing:
            await self._name_rows(cells, recount)
        self._compare_parked(recount.parked, parked)
        self._compare_gaps(recount.gaps, await self._tables.gaps())
        recorded = await self._tables.duplicates(receipt.position.seq)
        self._compare_duplicates(recount.duplicates, recorded)
        if await self._tables.claims(receipt.position.seq) != recount.claims:
            await self._name_claims(recount)
        users.spill()
        of_types = {event_type: len(members) for event_type, members in users.all_time.items()}
        receipt.users = of_types.get("", 0)
        await compare_derived(self._tables, receipt, of_types)
        await compare_users(self._tables, receipt, users)
        if pages is not None:
            receipt.differences += (await compare_rollup(self._tables.pages(), pages))[1]
        return receipt

    async def _hash_log(
        self,
        recount: Recount,
        users: UserRecount,
        pages: RollupCount | None,
        logged: dict[str, Digests],
        name: Callable[[str], None],
    ) -> None:
        """Reads and decodes the next entries while the database hashes those before."""
        hashing: asyncio.Task[None] | None = None

        def on_wrong(entry: Entry, other: int | None) -> None:
            what = f"it is claimed for log entry {other}, but log entry {entry.seq} counts"
            missing = f"the id of log entry {entry.seq} is missing"
            name(f"event_ids, event {entry.event_id}: {missing if other is None else what}")

        async def hash_batch(entries: list[Entry]) -> None:
            late = self._receipt.late_hours
            found = await self._tables.hash_entries([one for one in entries if not recount.repeats_wrong_id(one)], late)
            add_to(logged, [row for row in found if row["relation"] is not None])
            claimed = {
                row["events"]: None if row["digest"] is None else int(row["digest"])
                for row in found
                if row["relation"] is None
            }
            counted, corrected = recount.count(entries, claimed, on_wrong)
            users.add(entry.event for entry in counted if entry.event)
            if pages is not None:
                for entry in counted:
                    if entry.event is not None:
                        pages.add(entry.event)
            if corrected:
                add_to(logged, await self._tables.hash_entries(corrected, late, trust=True))

        try:
            async for entries, gaps in self._entries():
                recount.gaps += gaps
                if hashing is not None:
                    await hashing
                hashing = asyncio.create_task(hash_batch(entries))
            if hashing is not None:
                await hashing
        finally:
            if hashing is not None:
                hashing.cancel()
                await asyncio.gather(hashing, return_exceptions=True)

    def _entries(self) -> AsyncIterator[tuple[list[Entry], list[Gap]]]:
        receipt = self._receipt
        # before the first entry it counts from there is nothing to compare a fingerprint with
        start = Cursor(receipt.position.epoch, receipt.log_from - 1)

        def on_read(seq: int) -> None:
            self._on_read(seq - receipt.log_from + 1, self._end - receipt.log_from + 1)

        return read_entries(self._client, start, self._end, self._refused, self._upcasters, on_read)

    async def _name_rows(self, cells: list[Cell], recount: Recount) -> None:
        searched = set(cells[:SEARCHED])
        there: list[Entry] = []
        async for entries, _ in self._entries():
            there += [one for one in entries if one.cell in searched and one.seq not in recount.duplicates]
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
        """Compares the recorded gaps: the model must have passed them, and have none of their entries."""
        receipt = self._receipt
        if self._end < receipt.position.seq:
            passed.append(Gap(max(self._end + 1, receipt.log_from), receipt.position.seq))
        receipt.gaps = merge_gaps(passed)
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

    def _compare_duplicates(self, logged: BitMap64, recorded: BitMap64) -> None:
        for seq in (logged - recorded)[:NAMED]:
            self._receipt.differ(f"duplicates: log entry {seq} repeats an id and is not recorded")
        for seq in (recorded - logged)[:NAMED]:
            self._receipt.differ(f"duplicates: log entry {seq} is recorded, but it is the first with its id")

    async def _name_claims(self, recount: Recount) -> None:
        """Names the ids that the ledger has and the log has not."""
        position, seen = self._receipt.position.seq, BitMap64()
        with self._receipt.naming("event_ids", "ids") as name:
            async for event_id, seq in self._tables.ledger(position):
                if event_id in recount.wrong:
                    continue
                if not self._receipt.log_from <= seq <= self._end or not recount.has(seq):
                    name(f"event_ids, event {event_id}: it is claimed for log entry {seq}, but the log has no such id")
                elif seq in seen:
                    name(f"event_ids: log entry {seq} is claimed for two ids, {event_id} and another one")
                seen.add(seq)

"""Applies batches to a ``Rollup``."""

from collections.abc import Mapping

import asyncpg

from migrations.projections import DeclaredModel
from projection.batch import Parked
from projection.declared.batch import Selection
from projection.declared.rollup_cells import DAY, RollupCells
from projection.ledger import Ledger
from tailrace.declared import RollupDefinition, Tally, reader


class RollupApplier:
    """Counts events into the cells of a rollup."""

    def __init__(self, model: DeclaredModel, definition: RollupDefinition, ledger: Ledger) -> None:
        self._definition = definition
        self._read = reader(definition)
        self._ledger = ledger
        self._tally = Tally(definition)
        self._ordinals: Mapping[int, int] = {}
        self._cells = RollupCells(model.tables, definition)

    @property
    def is_beyond_limit(self) -> bool:
        """Whether an event of what was prepared is counted as ``other``."""
        return any(key.dimensions is None for key in self._tally.cells)

    async def prepare(self, connection: "asyncpg.Connection", selection: Selection) -> list[Parked]:
        """Counts the events in memory."""
        days = {int(one.stored.created_at.timestamp() // DAY) for one in selection.events}
        self._tally = tally = await self._cells.tally(connection, days)
        for one in selection.events:
            event = one.stored
            tally.add(self._read(event.event_type, event.user_id, one.data), event.user_id, event.created_at)
        if self._cells.has_users:
            self._ordinals = await self._ledger.ordinals([one.stored.user_id for one in selection.events])
        return []

    async def write(self, connection: "asyncpg.Connection", seq: int) -> None:
        """Adds the counts to the cells."""
        await self._cells.write(connection, seq, self._tally, self._ordinals)

    def committed(self) -> None:
        """Keeps the combinations that the batch admitted."""
        self._tally = Tally(self._definition)

    def discard(self) -> None:
        """Forgets the combinations: a batch extends them before its commit."""
        self._cells.forget()
        self.committed()

    async def maintain(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Merges the users of recent batches if it is time."""
        await self._cells.merge_if_due(connection, idle=idle)

"""Applies batches to a ``Sql``: copies the events into a temporary table and runs its statements."""

import asyncpg

from contracts.errors import TailraceError
from migrations.projections import DeclaredModel
from projection.batch import Parked
from projection.declared.batch import Selection
from tailrace.declared import SqlDefinition

CREATE_BATCH = """
create temporary table if not exists batch (
    seq bigint, event_id uuid, event_type text, user_id bigint, created_at timestamptz, logged_at timestamptz,
    event_data jsonb
) on commit delete rows
"""


class SqlApplier:
    """Runs the statements of a ``Sql``."""

    def __init__(self, model: DeclaredModel, definition: SqlDefinition) -> None:
        self._model = model
        self._statements = definition.apply
        self._rows: list[tuple[object, ...]] = []

    async def prepare(self, connection: "asyncpg.Connection", selection: Selection) -> list[Parked]:
        """Builds the rows of ``batch``."""
        self._rows = [
            (
                one.entry.seq,
                one.stored.event_id,
                one.stored.event_type,
                one.stored.user_id,
                one.stored.created_at,
                one.entry.logged_at,
                bytes(one.stored.event_data).decode(),
            )
            for one in selection.events
        ]
        return []

    async def write(self, connection: "asyncpg.Connection", seq: int) -> None:
        """Runs the statements.

        Raises:
            TailraceError: one of them ended the transaction.
        """
        if not self._rows:
            return
        await connection.execute(CREATE_BATCH)
        await connection.copy_records_to_table("batch", schema_name="pg_temp", records=self._rows)
        await connection.execute(f"set local search_path = {self._model.schema}")
        for statement in self._statements:
            # prepared: the simple protocol would run several statements at once
            await connection.fetch(statement)
        if not connection.is_in_transaction():
            raise TailraceError(f"{self._model.name}: a statement of `apply` ended the transaction")

    def committed(self) -> None:
        """Forgets the rows."""
        self._rows = []

    def discard(self) -> None:
        """Forgets the rows."""
        self._rows = []

    async def maintain(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Does nothing: a ``Sql`` has no other work."""

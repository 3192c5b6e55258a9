"""Commits a projection's part of a batch: its rows, its parked events and its position in one transaction."""

import asyncpg

from contracts.cursors import Cursor
from migrations.projections import DeclaredModel
from projection.batch import Batch, Parked, park_entry
from projection.declared.applier import Applier
from projection.declared.batch import Selection
from projection.parked_limit import ParkedLimit
from projection.store import CAUSED_BY_DATA, PositionMovedError


class DeclaredStore:
    """One projection through one connection, which others may use in turn."""

    def __init__(
        self, connection: "asyncpg.Connection", model: DeclaredModel, applier: Applier, limit: ParkedLimit
    ) -> None:
        self._connection = connection
        self._model = model
        self._applier = applier
        self._limit = limit
        position = f"{model.schema}.projection_position"
        self._read = f"select epoch, seq, fingerprint, revision from {position}"
        self._revision = 0
        self._move = (
            f"update {position} set epoch = $1, seq = $2, fingerprint = $3, logged_at = coalesce($4, logged_at)"
            " where seq = $5 and revision = $6 and epoch in ('', $1) returning true"
        )
        self._park = (
            f"insert into {model.schema}.parked_events (seq, event_id, code, reason, payload, logged_at)"
            " values ($1, $2, $3, $4, $5, $6)"
        )

    def terminate(self) -> None:
        """Ends the connection, whatever it waits for."""
        self._connection.terminate()

    async def position(self) -> Cursor:
        """Reads the position, for the batches that follow; its epoch is empty before the first batch."""
        *position, self._revision = await self._connection.fetchrow(self._read)
        return Cursor(*position)

    async def commit(self, selection: Selection, expected: Cursor) -> int:
        """Applies a selection behind ``expected``; bisects it to park an event that the database refuses.

        Returns the number of parked events. On an error the projection is where the last transaction left it.

        Raises:
            PositionMovedError: the projection is not at ``expected``.
            TooManyParkedError: too many events are parked.
            TailraceError, asyncpg.PostgresError: the projection can't continue.
        """
        try:
            return await self._commit(selection, expected)
        except CAUSED_BY_DATA as error:
            if not selection.events:
                raise
            if len(selection.events) == 1:
                entry = selection.events[0].entry
                refused = park_entry(entry, "database_refused", f"the database refuses it: {error.args[0]}")
                parked = sorted([*selection.parked, refused], key=lambda one: one.entry.seq)
                return await self._commit(selection._replace(events=[], parked=parked), expected)
            first, second = selection.halves()
            parked_first = await self.commit(first, expected)
            return parked_first + await self.commit(second, first.position)

    async def maintain(self, *, idle: bool) -> None:
        """Does what waits between two batches."""
        await self._applier.maintain(self._connection, idle=idle)

    def discard(self) -> None:
        """Forgets the caches."""
        self._applier.discard()

    async def _commit(self, selection: Selection, expected: Cursor) -> int:
        try:
            parked = [*selection.parked, *await self._applier.prepare(self._connection, selection)]
            async with self._connection.transaction():
                position = selection.position
                moved = await self._connection.fetchval(
                    self._move,
                    position.epoch,
                    position.seq,
                    position.fingerprint,
                    selection.logged_at,
                    expected.seq,
                    self._revision,
                )
                if moved is None:
                    raise PositionMovedError(f"{self._model} is no longer at {expected}, or was corrected there")
                if selection.events:
                    await self._applier.write(self._connection, position.seq)
                if parked:
                    await self._write_parked(parked)
                self._check_limit(selection, parked)
        except BaseException:
            self._applier.discard()
            raise
        self._applier.committed()
        return len(parked)

    def _check_limit(self, selection: Selection, parked: list[Parked]) -> None:
        """Counts what is about to be committed: attempts that are bisected do not count."""
        entries = [one.entry for one in selection.events] + [one.entry for one in selection.parked]
        if entries:
            self._limit.check(Batch(entries, [], parked))

    async def _write_parked(self, parked: list[Parked]) -> None:
        await self._connection.executemany(
            self._park,
            [
                (one.entry.seq, one.event_id, one.code, one.reason, one.entry.payload, one.entry.logged_at)
                for one in parked
            ],
        )

"""Parked events: list them, and retry them after the cause is fixed.

A retry locks the position row, like the projector, so the two exclude each other. It projects the entry at its own
sequence and raises the revision: (position, revision) names a state of the model.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import EventRejectedError, ForeignHistoryError
from contracts.events import Event, read_entry
from contracts.upcasting import NO_UPCASTERS, Upcasters
from migrations.catalogue import Model, get_live_model, use_model
from migrations.generations import require_current
from migrations.runner import require_current_schema
from projection.batch import event_row
from projection.ledger import Ledger
from projection.pages import Pages
from projection.store import BEFORE_RETENTION, CAUSED_BY_DATA, project_rows, projection_sql
from projection.user_sets import UserSets

LAST = 2**63 - 1
CHUNK = 500


class ParkedEvent(NamedTuple):
    """A log entry that could not be projected, and the reason. ``event_id`` is None if it can't be read."""

    seq: int
    event_id: UUID | None
    code: str
    reason: str
    payload: bytes
    logged_at: datetime
    parked_at: datetime


class Retried(NamedTuple):
    """The outcome of a retry: projected if ``reason`` is None, otherwise still parked for that reason."""

    seq: int
    reason: str | None


class _RolledBackError(Exception):
    """Rolls a transaction back."""


class ParkedEvents:
    """The parked events of one model."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self.model = model
        self._connection = connection

    @classmethod
    async def of(cls, connection: "asyncpg.Connection", model: Model | None = None) -> "ParkedEvents":
        """Returns the parked events of a model, by default the live one.

        Raises:
            SchemaError: this program does not know the database's schema.
        """
        if model is None:
            await require_current_schema(connection)
            model = await get_live_model(connection)
        await use_model(connection, model)
        return cls(connection, model)

    async def list(self, *, first: int = 0, last: int = LAST, limit: int = CHUNK) -> list[ParkedEvent]:
        """Returns the oldest ``limit`` parked events from sequence ``first`` to ``last``."""
        rows = await self._connection.fetch(projection_sql("list_parked"), first, last, limit)
        return [ParkedEvent(**dict(row)) for row in rows]

    async def retry(
        self, upcasters: Upcasters = NO_UPCASTERS, *, until: Cursor | None = None, dry_run: bool = False
    ) -> AsyncIterator[Retried]:
        """Retries each event, the oldest first, in a transaction of its own; ``dry_run`` rolls back.

        Raises:
            ForeignHistoryError: ``until`` belongs to another log than the model.
            OldGenerationError: the model is of an earlier generation.
        """
        require_current(self.model)
        if until is not None:
            epoch = await self._connection.fetchval("select epoch from projection_position")
            if until.epoch != epoch:
                raise ForeignHistoryError(f"{until} belongs to another log than the read model, whose epoch is {epoch}")
        last = LAST if until is None else until.seq
        first = 0
        while chunk := await self.list(first=first, last=last):
            for parked in chunk:
                yield Retried(parked.seq, await self._retry(parked, upcasters, dry_run=dry_run))
            first = chunk[-1].seq + 1

    async def _retry(self, parked: ParkedEvent, upcasters: Upcasters, *, dry_run: bool) -> str | None:
        try:
            event = read_entry(parked.payload, logged_at=parked.logged_at, upcasters=upcasters)
        except EventRejectedError as error:
            return error.message
        try:
            async with self._connection.transaction():
                reason = await self._project(parked, event)
                if dry_run or reason is not None:
                    raise _RolledBackError
        except _RolledBackError:
            return reason
        except CAUSED_BY_DATA as error:
            return f"the database refuses it: {error.args[0]}"
        return None

    async def _project(self, parked: ParkedEvent, event: Event) -> str | None:
        raw_from, revision, keeps_pages = await self._connection.fetchrow(
            "update projection_position set revision = revision + 1 returning raw_from, revision, keeps_pages"
        )
        if raw_from is not None and event.created_at < raw_from:
            return BEFORE_RETENTION.format(raw_from)
        if (
            await self._connection.fetchval("delete from parked_events where seq = $1 returning seq", parked.seq)
            is None
        ):
            return "another command has just retried it"
        # before the id, like a projector of another model
        await self._connection.execute("select from ledger_position for update")
        claimed = await self._connection.fetchval(
            "insert into event_ids values ($1, $2)"
            " on conflict (event_id) do update set seq = event_ids.seq returning seq",
            event.event_id,
            parked.seq,
        )
        if claimed != parked.seq:
            return f"log entry {claimed} counts for its event_id"
        row = event_row(event, parked.seq)
        ordinals = await Ledger(self._connection).ordinals([event.user_id])
        sets = UserSets(self._connection)
        await sets.refresh(revision)
        users = sets.add([row], ordinals)
        await project_rows(self._connection, self.model.flavour, [row], parked.seq, users)
        if keeps_pages:
            await Pages(self._connection, self.model).add([row], ordinals, parked.seq, revision)
        return None

"""The read model's side of a batch: everything it changes, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import TailraceError
from tailrace.migrations.flavours import Flavour
from tailrace.migrations.models import Model
from tailrace.projection.batch import Batch, Parked, Projected
from tailrace.runtime.sql import read_sql

CAUSED_BY_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""Errors of the database that an event's own content causes; every other is the surroundings' and tried again."""


BEFORE_RETENTION = "created_at: single events are kept from {:%Y-%m-%d} on (retention), and counts before are final"
"""Why an event is parked that belongs to a time whose rows were dropped."""


class PositionMovedError(TailraceError):
    """The model is not where this projector left it: read the position again and go on from there.

    Another projector is active, or a commit whose answer was lost did happen.
    """


class Committed(NamedTuple):
    """What became of a batch: entries stored as rows, parked, and repetitions of an id."""

    stored: int
    parked: int
    duplicates: int


projection_sql = partial(read_sql, "tailrace.projection")
"""The text of one of this package's statements."""


class Store:
    """One read model, through one connection whose ``search_path`` is the model's schema (``use_model``)."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self.model = model
        self._connection = connection
        self._read_position = projection_sql("read_position")
        self._move_position = projection_sql("move_position")
        self._claim_ids = projection_sql("claim_ids")
        self._park_events = projection_sql("park_events")
        self._note_gap = projection_sql("note_gap")

    async def position(self) -> Cursor | None:
        """Up to where the model has seen the log; None if it has seen nothing."""
        row = await self._connection.fetchrow(self._read_position)
        return Cursor(row["epoch"], row["seq"], row["mark"]) if row["epoch"] else None

    async def commit(self, batch: Batch, expected: Cursor) -> Committed:
        """Projects a batch that begins right behind ``expected``: all of it or, on any error, nothing.

        Raises:
            PositionMovedError: the model is not at ``expected``.
            asyncpg.PostgresError: see ``CAUSED_BY_DATA``.
        """
        position = batch.position(expected.epoch)
        async with self._connection.transaction():
            moved = await self._connection.fetchrow(
                self._move_position,
                position.epoch,
                position.seq,
                position.mark,
                batch.entries[-1].logged_at,
                expected.seq,
            )
            if moved is None:
                raise PositionMovedError(f"the read model is not at {expected} any more")
            claimed = await self._claim(batch)
            events = [event for event in batch.events if event.seq in claimed]
            parked = [item for item in batch.parked if item.event_id is None or item.entry.seq in claimed]
            if moved["raw_from"] is not None:
                parked += _too_old(batch, events, moved["raw_from"])
                events = [item for item in events if item.event.created_at >= moved["raw_from"]]
            if events:
                await insert_events(self._connection, self.model.flavour, events)
            if parked:
                await self._park(parked)
            if gaps := batch.gaps(expected.seq):
                await self._connection.executemany(self._note_gap, gaps)
        return Committed(len(events), len(parked), len(batch.entries) - len(events) - len(parked))

    async def _claim(self, batch: Batch) -> set[int]:
        claims = [(item.event.event_id, item.seq) for item in batch.events]
        claims += [(item.event_id, item.entry.seq) for item in batch.parked if item.event_id is not None]
        if not claims:
            return set()
        rows: list[Any] = await self._connection.fetch(
            self._claim_ids, [event_id for event_id, _ in claims], [seq for _, seq in claims]
        )
        return {row[0] for row in rows}

    async def _park(self, parked: list[Parked]) -> None:
        await self._connection.execute(
            self._park_events,
            [item.entry.seq for item in parked],
            [item.event_id for item in parked],
            [item.code for item in parked],
            [item.reason for item in parked],
            [item.entry.payload for item in parked],
            [item.entry.logged_at for item in parked],
        )


def _too_old(batch: Batch, events: Sequence[Projected], raw_from: datetime) -> list[Parked]:
    """Events of a time whose rows were dropped: the aggregates there can't be made anew, so nothing is added."""
    late = {item.seq: item.event for item in events if item.event.created_at < raw_from}
    reason = BEFORE_RETENTION.format(raw_from)
    return [
        Parked(entry, late[entry.seq].event_id, "before_retention", reason)
        for entry in batch.entries
        if entry.seq in late
    ]


async def insert_events(connection: "asyncpg.Connection", flavour: Flavour, events: Sequence[Projected]) -> None:
    """Inserts events whose ids are claimed and adds them to every count; to be called in a transaction."""
    types = [item.event.event_type for item in events]
    users = [item.event.user_id for item in events]
    times = [item.event.created_at for item in events]
    await connection.execute(
        projection_sql("insert_events"),
        [item.event.event_id for item in events],
        types,
        users,
        times,
        [bytes(item.event.event_data).decode() for item in events],
        [item.seq for item in events],
    )
    await connection.execute(projection_sql(f"roll_up.{flavour}"), types, users, times)

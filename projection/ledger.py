"""The ledger: claims the event ids of a batch before a model projects it, and names the entries that repeat one.

Each claim is one statement, so it is atomic. The position moves by compare-and-set: of two projectors that reach an
entry at the same time, one claims its id and the other waits and reads the result. A model claims in the transaction of
its batch, after it has locked its own position.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConflictError, ForeignHistoryError
from projection.batch import Batch
from runtime.postgres import read_sql

CACHED_USERS = 500_000
"""Users whose ordinals are cached: some 50 MB."""


class Foreseen(NamedTuple):
    """The ordinals of a batch's users, among them ``new`` ones; these begin at ``first``."""

    ordinals: Mapping[int, int]
    new: list[int]
    first: int | None


class Ledger:
    """The ledger of a model, through a connection whose ``search_path`` has its schema (``use_model``)."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self.connection = connection
        self._add_users = read_sql("projection", "add_users")
        self._read_duplicates = read_sql("projection", "read_duplicates")
        self._position = Cursor("", -1)
        self._ordinals: dict[int, int] = {}
        self._users: int | None = None  # their number, if this ledger's own batches were the last ones

    async def position(self) -> Cursor:
        """Returns the ledger's position; its epoch is empty before the first claim."""
        row = await self.connection.fetchrow("select epoch, seq, fingerprint from ledger_position")
        self._position = Cursor(*row)
        return self._position

    def forget(self) -> None:
        """Forgets what it knows of the database: a transaction was rolled back, or its outcome is unknown."""
        self._position, self._ordinals, self._users = Cursor("", -1), {}, None

    async def find_duplicates(self, batch: Batch, behind: Cursor, *, copied: bool = False) -> set[int]:
        """Claims the ids of a batch that begins behind ``behind`` and returns the sequences that repeat an id.

        ``copied``: the batch's rows are in the temporary table ``batch``.

        Raises:
            ForeignHistoryError: the ledger belongs to another epoch of the log.
            ConflictError: the ledger is behind the model.
        """
        last = batch.position(behind.epoch)
        found: set[int] = set()
        if self._position.seq < behind.seq:
            # not read yet, or another projector has claimed the batches in between
            await self.position()
        while self._position.seq < last.seq:
            self._check_epoch(behind)
            row = await self._claim(batch, last, behind, copied=copied)
            if row["moved"]:
                found.update(row["duplicates"])
                known, self._position = self._position, last
                if known.seq == behind.seq:
                    return found
            else:
                await self.position()
        self._check_epoch(behind)
        for first, end in await self.connection.fetch(self._read_duplicates, behind.seq + 1, last.seq):
            found.update(range(first, end + 1))
        return found

    def _check_epoch(self, behind: Cursor) -> None:
        if self._position.epoch not in ("", behind.epoch):
            raise ForeignHistoryError(f"the ledger belongs to the log {self._position.epoch}, not to {behind.epoch}")

    def foresee(self, users: Iterable[int | None]) -> "Foreseen | None":
        """Returns the ordinals that users have or will get; None if only the database knows that."""
        unknown = {user for user in users if user is not None and user not in self._ordinals}
        if not unknown:
            return Foreseen(self._ordinals, [], None)
        if self._users is None or not len(self._ordinals) == self._users <= CACHED_USERS - len(unknown):
            return None
        new = sorted(unknown)
        fresh = {user: self._users + number for number, user in enumerate(new)}
        return Foreseen(ChainMap(fresh, self._ordinals), new, self._users)

    def added(self, foreseen: "Foreseen") -> None:
        """Confirms that the new users were added."""
        self._ordinals.update((user, foreseen.ordinals[user]) for user in foreseen.new)
        if self._users is not None:
            self._users += len(foreseen.new)

    async def ordinals(self, users: Collection[int | None], first: int | None = None) -> Mapping[int, int]:
        """Returns the ordinals of users and of others; new users get the next ones. None is no user."""
        unknown = {user for user in users if user not in self._ordinals} - {None}
        if not unknown:
            self._users = first
            return self._ordinals
        if len(self._ordinals) + len(unknown) > CACHED_USERS:
            # the caller needs all of its users
            unknown, self._ordinals = {*users} - {None}, {}
        in_transaction = self.connection.is_in_transaction()
        async with nullcontext() if in_transaction else self.connection.transaction():
            if first is None:
                first = await self.connection.fetchval("select users from ledger_position for update")
            found = await self.connection.fetch(self._add_users, list(unknown), first)
        self._ordinals.update(found)
        self._users = max(first, 1 + max(row["ordinal"] for row in found))
        return self._ordinals

    async def _claim(self, batch: Batch, last: Cursor, behind: Cursor, *, copied: bool) -> Any:
        position = self._position
        if position.seq < behind.seq:
            raise ConflictError(
                f"the ledger is at log entry {position.seq}, behind the model at {behind.seq}: "
                "someone changed it; build a new model with `tailrace replay`"
            )
        return await self.connection.fetchrow(
            claim_ids(copied=copied), *last, position.seq, *claims_of(batch, copied=copied)
        )


@cache
def claim_ids(*, copied: bool, model: bool = False) -> str:
    """Returns the statement that claims ids; ``model``: and moves the model, if it is at the ledger's position."""
    move, claim = read_sql("projection", "move_position"), read_sql("projection", "claim_ids")
    claim = claim[claim.index("with {model}") :]  # the comments name the parts
    return claim.format(
        batch="select event_id, seq from pg_temp.batch union all " if copied else "",
        model=move[move.index("model as") :] if model else "",
        only_if=" and exists (select from model)" if model else "",
        columns=", (select raw_from from model), (select revision from model), (select keeps_pages from model)"
        if model
        else "",
    )


def claims_of(batch: Batch, *, copied: bool) -> tuple[Sequence[UUID], Sequence[int]]:
    """Returns the ids that a batch claims, and their sequences; those of ``copied`` rows are in the temporary table."""
    claims = [] if copied else [(row[0], row[5]) for row in batch.rows]
    claims += [(one.event_id, one.entry.seq) for one in batch.parked if one.event_id is not None]
    ids, seqs = zip(*claims, strict=True) if claims else ((), ())
    return ids, seqs

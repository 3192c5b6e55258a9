"""The ledger: claims the event ids of a batch before any model commits it, and names the entries that repeat one.

Each claim is one statement, so it is atomic. The position moves by compare-and-set: of two projectors that reach an
entry at the same time, one claims its id and the other reads the result. The claim commits before the model's batch on
the same connection, so a crash of the server never loses a claim whose batch it keeps.
"""

from typing import Any

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConflictError, ForeignHistoryError
from projection.batch import Batch
from runtime.postgres import read_sql


class Ledger:
    """The ledger of a model, through a connection whose ``search_path`` has its schema (``use_model``)."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self._connection = connection
        self._claim_ids = read_sql("projection", "claim_ids")
        self._read_duplicates = read_sql("projection", "read_duplicates")
        self._position = Cursor("", -1)

    async def position(self) -> Cursor:
        """Returns the ledger's position; its epoch is empty before the first claim."""
        row = await self._connection.fetchrow("select epoch, seq, fingerprint from ledger_position")
        self._position = Cursor(*row)
        return self._position

    async def find_duplicates(self, batch: Batch, behind: Cursor) -> set[int]:
        """Claims the ids of a batch that begins behind ``behind`` and returns the sequences that repeat an id.

        Raises:
            ForeignHistoryError: the ledger belongs to another epoch of the log.
            ConflictError: the ledger is behind the model.
        """
        last = batch.position(behind.epoch)
        found: set[int] = set()
        if self._position.seq < 0:
            await self.position()
        while self._position.seq < last.seq:
            row = await self._claim(batch, last, behind)
            if row["moved"]:
                found.update(row["duplicates"])
                known, self._position = self._position, last
                if known.seq == behind.seq:
                    return found
            else:
                await self.position()
        for first, end in await self._connection.fetch(self._read_duplicates, behind.seq + 1, last.seq):
            found.update(range(first, end + 1))
        return found

    async def _claim(self, batch: Batch, last: Cursor, behind: Cursor) -> Any:
        position = self._position
        if position.epoch not in ("", behind.epoch):
            raise ForeignHistoryError(f"the ledger belongs to the log {position.epoch}, not to {behind.epoch}")
        if position.seq < behind.seq:
            raise ConflictError(
                f"the ledger is at log entry {position.seq}, behind the model at {behind.seq}: "
                "someone changed it; build a new model with `tailrace replay`"
            )
        claims = [(row[0], row[5]) for row in batch.rows]
        claims += [(one.event_id, one.entry.seq) for one in batch.parked if one.event_id is not None]
        if position.seq > behind.seq:
            claims = [claim for claim in claims if claim[1] > position.seq]
        ids, seqs = zip(*claims, strict=True) if claims else ((), ())
        return await self._connection.fetchrow(self._claim_ids, *last, position.seq, ids, seqs)

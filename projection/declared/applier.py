"""What applies the events of a batch to the tables of one projection."""

from typing import Protocol

import asyncpg

from projection.batch import Parked
from projection.declared.batch import Selection


class Applier(Protocol):
    """Applies batches to one projection's tables.

    Each batch is prepared before its transaction, written in it, and then either committed or discarded: caches change
    at a commit only.
    """

    async def prepare(self, connection: "asyncpg.Connection", selection: Selection) -> list[Parked]:
        """Reads and computes what the events change. Returns the events that can't be applied."""
        ...

    async def write(self, connection: "asyncpg.Connection", seq: int) -> None:
        """Writes the changes; call it in the transaction that moves the position to ``seq``."""
        ...

    def committed(self) -> None:
        """Confirms the transaction of the last ``write``."""
        ...

    def discard(self) -> None:
        """Forgets what was prepared, and every cache that may not agree with the database."""
        ...

    async def maintain(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Does what waits between two batches."""
        ...

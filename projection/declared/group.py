"""Projections that are built from the same position: one read and one decode for all of them."""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress

import asyncpg

from contracts.errors import TailraceError
from projection.declared.batch import SharedBatch
from projection.declared.feed import Feed
from projection.declared.source import Source
from runtime.postgres import UNAVAILABLE

MAX_SUBJECTS = 50
"""Filters of one reader; with more, or with overlapping ones, it reads every entry."""


class Group:
    """A feed that lives as long as it has members; a member that has left never returns."""

    def __init__(self, source: Source, batch_size: int, members: Iterable[object]) -> None:
        self._feed = Feed(source, batch_size)
        self._members = set(members)
        self._reading = asyncio.create_task(self._read())

    def covers(self, member: object, position: int) -> bool:
        """Whether it is a member, and what follows its position is buffered, or not read yet."""
        return member in self._members and not self._reading.done() and self._feed.covers(position)

    async def next(self, member: object, position: int, wait: float) -> SharedBatch | None:
        """Returns the batch that follows a position; None if none comes within ``wait`` seconds."""
        return await self._feed.next(member, position, wait)

    def leave(self, member: object) -> None:
        """Forgets a member; the last one ends the reading."""
        self._feed.leave(member)
        self._members.discard(member)
        if not self._members:
            self._reading.cancel()

    async def _read(self) -> None:
        try:
            # its members read for themselves after an error, and meet it there
            with suppress(TailraceError, *UNAVAILABLE, asyncpg.PostgresError):
                await self._feed.run(asyncio.Event())
        finally:
            with suppress(TailraceError):
                await self._feed.close()


def shared_subjects(filters: Iterable[Collection[str]]) -> list[str]:
    """Returns the subjects that some projections read together; [] is all of them."""
    each = [set(one) for one in filters]
    together = set().union(*each)
    exact = not any(token in ("*", ">") for subject in together for token in subject.split("."))
    same = all(one == together for one in each)
    return sorted(together) if all(each) and (same or exact) and len(together) <= MAX_SUBJECTS else []

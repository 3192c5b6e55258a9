"""How fast a read model follows the log, seen from outside: its position, looked at every few milliseconds."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from contracts.errors import TailraceError
from runtime.postgres import connect
from runtime.settings import Settings
from tools.benchmarks.programs import Program
from tools.benchmarks.stage import Stage

LOOK = 0.02
"""Seconds between looks: short beside a batch's tenth of a second, and too seldom for the database to notice."""

Where = Callable[[], Awaitable[int]]
"""Up to which log sequence something is done; 0 before anything is."""


@dataclass
class Pace:
    """Log entries and seconds of one or more runs; ``moving`` leaves out the time until each run's first batch."""

    entries: int = 0
    seconds: float = 0.0
    moving_entries: int = 0
    moving_seconds: float = 0.0

    def __add__(self, other: "Pace") -> "Pace":
        return Pace(
            self.entries + other.entries,
            self.seconds + other.seconds,
            self.moving_entries + other.moving_entries,
            self.moving_seconds + other.moving_seconds,
        )

    @property
    def with_starts(self) -> float:
        """Entries a second, from the start of each process on."""
        return self.entries / max(self.seconds, 1e-9)

    @property
    def per_second(self) -> float:
        """Entries a second, from the first batch on."""
        return self.moving_entries / self.moving_seconds if self.moving_seconds else self.with_starts

    def as_json(self) -> dict[str, float]:
        """For machines; times in seconds."""
        return {
            "seconds": self.seconds,
            "per_second": self.per_second,
            "per_second_with_starts": self.with_starts,
        }


async def follow(stage: Stage, program: Program, where: Where, to: int | None, *, what: str) -> Pace:
    """Watches what ``program``, just started, works on, until it is at sequence ``to`` or the program ended.

    With ``to`` None only the program's end ends it.

    Raises:
        TailraceError: the program failed, or is not there in time.
    """
    started = time.monotonic()
    begun = await where()
    first = last = started, begun
    while True:
        ended = program.returncode is not None
        now, seq = time.monotonic(), await where()
        if seq > last[1]:
            last = now, seq
            first = first if first[1] > begun else last
        if ended or (to is not None and seq >= to):
            program.check()
            return Pace(seq - begun, now - started, last[1] - first[1], last[0] - first[0])
        if now - started > stage.patience:
            raise TailraceError(f"`{program.name}` is stuck at {seq:,} of {to or stage.entries:,} log entries")
        stage.progress.tell(what, seq, stage.entries)
        await asyncio.sleep(LOOK)


@asynccontextmanager
async def watched(settings: Settings, model: str = "public") -> AsyncIterator[Where]:
    """Looks at the position of a database's live model, or of another that need not be there yet."""
    connection = await connect(settings.dsn, name="bench")

    async def where() -> int:
        try:
            seq: int | None = await connection.fetchval(f"select seq from {model}.projection_position")
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return 0
        return seq or 0

    try:
        yield where
    finally:
        await connection.close()

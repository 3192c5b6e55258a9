"""Replay: the live projector's own code, from the log's first entry, into a database of its own."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from tailrace.contracts.cursors import Cursor
from tailrace.migrations.fresh import ensure_database
from tailrace.projection.service import project
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.reader import verify_position
from tailrace.runtime.settings import Settings


class Step(NamedTuple):
    """How far a replay is: the model's position, and the sequence it ends at."""

    position: Cursor
    end: int

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.position.seq >= self.end


async def replay(
    client: LogClient,
    settings: Settings,
    stop: asyncio.Event,
    *,
    until: Cursor | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Step:
    """Projects the log into the database that ``settings`` name, up to ``until`` or where the log ends now.

    The database is made if it isn't there. One that a replay was interrupted in is gone on with.

    Raises:
        ConfigurationError: the database can't be made or used, or a projector is active on it.
        ForeignHistoryError: ``until``, or what the database holds, is of another log.
        TailraceError: a person has to decide; the message says what.
    """
    await ensure_database(settings.dsn)
    state = await client.state() if until is None else await verify_position(client, until)
    last = Step(Cursor(state.epoch, 0), state.last_seq if until is None else until.seq)

    def on_commit(position: Cursor) -> None:
        nonlocal last
        last = last._replace(position=position)
        on_step(last)

    await project(client, settings, stop, until=last.end, standby=False, on_commit=on_commit)
    return last

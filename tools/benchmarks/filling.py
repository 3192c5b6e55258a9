"""A read model of many events without the hours that projecting them takes: its tables are written from each other.

What is written is what the projector writes for a log of the same events; a test compares the two.
"""

from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

import asyncpg

from contracts.entries import LogEntry
from migrations.catalogue import get_live_model, use_model
from migrations.user_sets import pack_users
from projection.maintenance import Maintenance
from projection.store import projection_sql
from projection.user_sets import MERGE_EVENTS, UserSets
from runtime.postgres import connect, read_sql
from runtime.settings import Settings
from tools.benchmarks.progress import Progress
from tools.benchmarks.traffic import REPEAT_EVERY, mock_steps

CHUNK = 250_000
"""Rows that are inserted at once."""
WORK_MEMORY = "256MB"
"""What the database may use to sort and group; by itself it would go to the disk."""

fill_sql = partial(read_sql, "tools.benchmarks")


class Contents(NamedTuple):
    """What a model is filled with: so many log entries, of so many users, over the ``days`` before ``end``."""

    entries: int
    users: int
    days: int
    end: datetime


async def fill_model(settings: Settings, contents: Contents, progress: Progress) -> None:
    """Fills the empty live model of a database, all but its position.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    connection = await connect(settings.dsn, name="bench")
    try:
        model = await get_live_model(connection)
        await use_model(connection, model)
        await connection.execute(f"set work_mem = '{WORK_MEMORY}'")
        await _insert_events(connection, contents, progress)
        await connection.execute(fill_sql("fill_counts"))
        progress.tell("counting", contents.entries, contents.entries)
        await _insert_user_sets(connection)
        if model.flavour == "timescale":
            await Maintenance(connection, model).refresh()
        else:
            await connection.execute(fill_sql("fill_rollups.postgres"))
        progress.tell("rolled up", contents.entries, contents.entries)
        await connection.execute("vacuum (analyze)")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def say_projected(settings: Settings, entry: LogEntry, epoch: str) -> None:
    """Has the live model of a database, which has no position yet, say that it has projected up to a log entry.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    connection = await connect(settings.dsn, name="bench")
    try:
        await use_model(connection, await get_live_model(connection))
        await connection.execute(projection_sql("move_position"), *entry.cursor(epoch), entry.logged_at, 0)
        await connection.execute("update projection_position set sets_seq = seq")
        await connection.execute(
            "update ledger_position set epoch = $1, seq = $2, fingerprint = $3", *entry.cursor(epoch)
        )
    finally:
        await connection.close()


async def _insert_user_sets(connection: "asyncpg.Connection") -> None:
    sets, last = UserSets(connection), 0
    query = (
        "select created_at, event_type, ordinal, seq from analytics_events join users using (user_id)"
        " where seq > $1 order by seq limit $2"
    )
    while rows := await connection.fetch(query, last, MERGE_EVENTS):
        last = rows[-1]["seq"]
        packed = pack_users((row["created_at"], row["event_type"], row["ordinal"]) for row in rows)
        await connection.execute(
            "insert into set_log (seq, events, event_types, packed) values ($1, $2, $3, $4)", last, len(rows), *packed
        )
        await sets.merge()


async def _insert_events(connection: "asyncpg.Connection", contents: Contents, progress: Progress) -> None:
    steps = mock_steps(Random(1))
    types, data = [event_type for event_type, _ in steps], [data.decode() for _, data in steps]
    insert = await connection.prepare(fill_sql("fill_events"))
    for first in range(1, contents.entries + 1, CHUNK):
        last = min(first + CHUNK - 1, contents.entries)
        span = timedelta(days=contents.days)
        await insert.fetch(first, last, contents.users, span, contents.end, types, data, REPEAT_EVERY)
        progress.tell("inserted", last, contents.entries)

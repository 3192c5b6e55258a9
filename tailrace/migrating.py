"""``tailrace migrate``: everything that has to be there before services start, made or brought up to date."""

import asyncio
from collections.abc import Callable

from contracts.errors import LogUnavailableError
from migrations.roles import ensure_reader
from migrations.runner import migrate
from runtime.log.connect import connect_log
from runtime.log.topology import Reconciled, ensure_streams
from runtime.postgres import connect
from runtime.settings import Settings

PATIENCE = 20.0
"""Seconds to wait for the log's servers."""


async def bring_up_to_date(settings: Settings, say: Callable[[str], None], *, dry_run: bool) -> None:
    """The tables first, then the role of readers if one is asked for, then the log's streams.

    Raises:
        ConfigurationError, ConflictError: something can't be made as the settings say.
        DatabaseUnavailableError, LogUnavailableError: a server does not answer; what was done before stays.
        SchemaError: the database was made by a newer Tailrace.
    """
    connection = await connect(settings.dsn, name="migrate")
    try:
        done = await migrate(connection, settings, dry_run=dry_run)
        for change in done:
            say(f"{'would apply' if dry_run else 'applied'} {change}")
        if not done:
            say("the database is up to date")
        if settings.reader_user and settings.reader_pass and not dry_run:
            await ensure_reader(connection, settings.reader_user, settings.reader_pass)
            say(f"{settings.reader_user} may read everything")
    finally:
        await connection.close()
    streams = await _streams(settings, say, dry_run=dry_run)
    for sentence in streams.done:
        say(f"{'would do: ' if dry_run else ''}{sentence}")
    for sentence in streams.left:
        say(sentence)
    if not streams.done:
        say("the log is up to date")


async def _streams(settings: Settings, say: Callable[[str], None], *, dry_run: bool) -> Reconciled:
    """Waits for servers that have just started: those of a cluster need a moment to agree who leads."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    said = False
    while True:
        try:
            client = await connect_log(settings, "migrate")
            try:
                return await ensure_streams(client, settings, dry_run=dry_run)
            finally:
                await client.close()
        except LogUnavailableError as error:
            if loop.time() > deadline:
                raise
            if not said:
                say(f"waiting for the log: {error}")
            said = True
        await asyncio.sleep(0.5)

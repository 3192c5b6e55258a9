"""``tailrace migrate``: everything that has to be there before services start, made or brought up to date."""

import asyncio
from typing import Annotated

import typer

from contracts.errors import LogUnavailableError
from migrations.roles import ensure_reader
from migrations.runner import migrate as migrate_database
from migrations.streams import Reconciled, ensure_streams
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings
from tailrace.cli.options import DataDir, run_to_end
from tailrace.endpoints import settings_for

PATIENCE = 20.0
"""Seconds to wait for the log's servers."""


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would run.")] = False, data_dir: DataDir = None
) -> None:
    """Bring the database and the log's streams up to date."""
    run_to_end(_migrate(settings_for(data_dir), dry_run=dry_run))


async def _migrate(settings: Settings, *, dry_run: bool) -> None:
    """The tables first, then the role of readers if one is asked for, then the log's streams.

    Raises:
        ConfigurationError, ConflictError: something can't be made as the settings say.
        DatabaseUnavailableError, LogUnavailableError: a server does not answer; what was done before stays.
        SchemaError: the database was made by a newer Tailrace.
    """
    connection = await connect(settings.dsn, name="migrate")
    try:
        done = await migrate_database(connection, settings, dry_run=dry_run)
        for change in done:
            typer.echo(f"{'would apply' if dry_run else 'applied'} {change}")
        if not done:
            typer.echo("the database is up to date")
        if settings.reader_user and settings.reader_pass and not dry_run:
            await ensure_reader(connection, settings.reader_user, settings.reader_pass)
            typer.echo(f"{settings.reader_user} may read everything")
    finally:
        await connection.close()
    streams = await _streams(settings, dry_run=dry_run)
    for sentence in streams.done:
        typer.echo(f"{'would do: ' if dry_run else ''}{sentence}")
    for sentence in streams.left:
        typer.echo(sentence)
    if not streams.done:
        typer.echo("the log is up to date")


async def _streams(settings: Settings, *, dry_run: bool) -> Reconciled:
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
                typer.echo(f"waiting for the log: {error}")
            said = True
        await asyncio.sleep(0.5)

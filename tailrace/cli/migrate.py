"""``tailrace migrate``: creates or updates what the services need before they start."""

from typing import Annotated

import stamina
import stamina.instrumentation
import typer

from contracts.errors import LogUnavailableError
from migrations.catalogue import list_models
from migrations.generations import upgrade_advice
from migrations.roles import ensure_reader
from migrations.runner import migrate as migrate_database
from migrations.streams import Reconciled, ensure_streams
from projection.offline import rebuild_offline
from runtime.access.keys import seed_keys
from runtime.log.connect import connect_log
from runtime.postgres import connected
from runtime.settings import Settings
from tailrace.cli.options import DataDir, OfflineRebuild, to_end
from tailrace.endpoints import settings_for

LOG_TIMEOUT = 20.0
"""Seconds to wait for the log: the servers of a cluster elect a leader after their start."""


@to_end
async def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the changes; make none.")] = False,
    offline_rebuild: OfflineRebuild = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the database and the log's streams up to date."""
    settings = settings_for(data_dir)
    async with connected(settings.dsn, name="migrate") as connection:
        changes = await migrate_database(connection, settings, dry_run=dry_run)
        for change in changes:
            typer.echo(f"{'would apply' if dry_run else 'applied'} {change}")
        if not changes:
            typer.echo("the database is up to date")
        if offline_rebuild and not dry_run:
            async with await connect_log(settings, "migrate") as client:
                for model in await rebuild_offline(client, connection, settings):
                    typer.echo(f"dropped {model.name}")
        if not dry_run and (advice := upgrade_advice(await list_models(connection))):
            typer.echo(advice)
        if settings.reader_user and settings.reader_pass and not dry_run:
            await ensure_reader(connection, settings.reader_user, settings.reader_pass)
            typer.echo(f"the role {settings.reader_user} can read every table")
    streams = await _reconcile_streams(settings, dry_run=dry_run)
    for sentence in streams.done:
        typer.echo(f"{'would do: ' if dry_run else ''}{sentence}")
    for sentence in streams.left:
        typer.echo(sentence)
    if not streams.done:
        typer.echo("the log is up to date")


async def _reconcile_streams(settings: Settings, *, dry_run: bool) -> Reconciled:
    stamina.instrumentation.set_on_retry_hooks([])  # printed here, once
    printed = False

    def retried(error: Exception) -> bool:
        nonlocal printed
        if isinstance(error, LogUnavailableError) and not printed:
            typer.echo(f"waiting for the log: {error}")
            printed = True
        return isinstance(error, LogUnavailableError)

    async for attempt in stamina.retry_context(
        on=retried, attempts=None, timeout=LOG_TIMEOUT, wait_initial=0.5, wait_max=0.5, wait_jitter=0
    ):
        with attempt:
            async with await connect_log(settings, "migrate") as client:
                found = await ensure_streams(client, settings, dry_run=dry_run)
                for key in [] if dry_run else await seed_keys(client, settings):
                    found.done.append(f"the {key.kind} key of {key.name} is stored")
                return found
    raise AssertionError("unreachable")

"""``tailrace parked``: what could not be projected."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError
from migrations.catalogue import list_models
from migrations.runner import require_current_schema
from migrations.upcasters import load_upcasters
from projection.parked import ParkedEvent, ParkedEvents
from runtime.postgres import connect
from runtime.settings import Settings
from tailrace.cli.options import DataDir, JsonLines, run_to_end
from tailrace.endpoints import settings_for

app = typer.Typer(help="Log entries that could not be projected.", no_args_is_help=True, add_completion=False)


@app.command("list")
def parked_list(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """List parked events with their reasons, the oldest first."""
    run_to_end(_list(settings_for(data_dir), limit=limit, as_json=as_json))


@app.command("show")
def parked_show(
    seq: Annotated[int, typer.Argument(min=1, help="The log entry's sequence.")], data_dir: DataDir = None
) -> None:
    """Show one parked event with its payload, as JSON."""
    run_to_end(_show(settings_for(data_dir), seq))


@app.command("retry")
def parked_retry(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; only print the outcome.")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Only entries up to this cursor.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Project parked events again, after their cause is fixed. Each counts once, at its own time."""
    run_to_end(_retry(settings_for(data_dir), until=until, dry_run=dry_run))


async def _list(settings: Settings, *, limit: int, as_json: bool) -> None:
    """Prints the oldest ``limit``: a table, or one JSON object per line."""
    async with _parked(settings) as parked:
        found = await parked.list(limit=limit)
    if as_json:
        for one in found:
            typer.echo(json.dumps(_as_json(one)))
        return
    if not found:
        typer.echo("nothing is parked")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("entry", "logged", "code", "reason", "event id"):
        table.add_column(column, overflow="fold")
    for one in found:
        logged = one.logged_at.isoformat(" ", "seconds")
        table.add_row(str(one.seq), logged, one.code, one.reason, str(one.event_id or "–"))
    Console().print(table, markup=False)


async def _show(settings: Settings, seq: int) -> None:
    """Prints one, payload included, as JSON.

    Raises:
        ConfigurationError: that entry is not parked.
    """
    async with _parked(settings) as parked:
        found = await parked.get(seq)
    if found is None:
        raise ConfigurationError(f"log entry {seq} is not parked")
    typer.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))


async def _retry(settings: Settings, *, until: str | None, dry_run: bool) -> None:
    """Tries all again, in the live model and one beside it, prints what became of each."""
    upcasters = load_upcasters(settings)
    projected = still = 0
    end = Cursor.parse(until) if until else None
    connection = await connect(settings.dsn, name="parked")
    try:
        await require_current_schema(connection)
        ready = [model for model in await list_models(connection) if model.state == "ready"]
        for model in ready:
            parked = await ParkedEvents.of(connection, model)
            async for one in parked.retry(upcasters, until=end, dry_run=dry_run):
                which = f"{model.name}, entry {one.seq}" if len(ready) > 1 else f"entry {one.seq}"
                if one.reason is None:
                    projected += 1
                    typer.echo(f"{which}: {'would be' if dry_run else 'is'} projected")
                else:
                    still += 1
                    typer.echo(f"{which}: stays parked: {one.reason}")
    finally:
        await connection.close()
    typer.echo(f"{projected:,} {'would be ' if dry_run else ''}projected, {still:,} still parked")


@asynccontextmanager
async def _parked(settings: Settings) -> AsyncIterator[ParkedEvents]:
    connection = await connect(settings.dsn, name="parked")
    try:
        yield await ParkedEvents.of(connection)
    finally:
        await connection.close()


def _as_json(one: ParkedEvent) -> dict[str, object]:
    return {
        "seq": one.seq,
        "event_id": str(one.event_id) if one.event_id else None,
        "code": one.code,
        "reason": one.reason,
        "logged_at": one.logged_at.isoformat(),
        "parked_at": one.parked_at.isoformat(),
        # bytes that are no text are shown escaped: this is for looking at; the log has the original
        "payload": one.payload.decode(errors="backslashreplace"),
    }

"""``tailrace parked``: lists, shows and retries the log entries that could not be projected."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import asyncpg
import typer

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError
from migrations.catalogue import list_models
from migrations.projections import DeclaredModel, get_live_projection
from migrations.runner import require_current_schema
from migrations.upcasters import load_upcasters
from projection.declared.cutover import unknown
from projection.declared.parked import LAST, RebuildError, list_parked, retry_parked
from projection.declared.replay import replay_projection
from projection.parked import ParkedEvent, ParkedEvents
from runtime.log.connect import connect_log
from runtime.postgres import connected
from runtime.printable import printable
from runtime.settings import Settings
from runtime.supervise import stop_on_signals
from tailrace.cli.options import DataDir, JsonLines, to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import print_list

Of = Annotated[
    str | None,
    typer.Option(
        "--projection", help="A projection of your own, instead of the built-in read model.", show_default=False
    ),
]

app = typer.Typer(help="Log entries that could not be projected.", no_args_is_help=True, add_completion=False)


@app.command("list")
@to_end
async def parked_list(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    name: Of = None,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """List parked events with their reasons, the oldest first."""
    async with _parked(settings_for(data_dir), name) as parked:
        found = await parked(limit=limit)
    columns = ("entry", "logged", "code", "reason", "event id")
    print_list(found, columns, _row, "no parked events", as_json=as_json, members=_as_json)


@app.command("show")
@to_end
async def parked_show(
    seq: Annotated[int, typer.Argument(min=1, help="The log entry's sequence.")],
    name: Of = None,
    data_dir: DataDir = None,
) -> None:
    """Show one parked event with its payload, as JSON."""
    async with _parked(settings_for(data_dir), name) as parked:
        found = await parked(first=seq, last=seq)
    if not found:
        raise ConfigurationError(f"log entry {seq} is not parked; `tailrace parked list` shows those that are")
    shown = json.dumps(_as_json(found[0]), indent=2, ensure_ascii=False)
    typer.echo("\n".join(map(printable, shown.splitlines())))


@app.command("retry")
@to_end
async def parked_retry(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; only print the outcome.")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Only entries up to this cursor.", show_default=False)
    ] = None,
    name: Of = None,
    data_dir: DataDir = None,
) -> None:
    """Project parked events again, after their cause is fixed. Each counts once, at its own time."""
    if name is not None:
        if dry_run or until is not None:
            raise typer.BadParameter("--dry-run and --until are for the built-in read model")
        await _retry_build(settings_for(data_dir), name)
    else:
        await _retry(settings_for(data_dir), until=until, dry_run=dry_run)


async def _retry(settings: Settings, *, until: str | None, dry_run: bool) -> None:
    """Retries in every ready model, the live one and others."""
    upcasters = load_upcasters(settings)
    would = "would be " if dry_run else ""
    projected = still = 0
    end = Cursor.parse(until) if until else None
    async with connected(settings.dsn, name="parked") as connection:
        await require_current_schema(connection)
        ready = [model for model in await list_models(connection) if model.state == "ready" and model.is_current]
        for model in ready:
            parked = await ParkedEvents.of(connection, model)
            async for one in parked.retry(upcasters, until=end, dry_run=dry_run):
                entry = f"{model.name}, entry {one.seq}" if len(ready) > 1 else f"entry {one.seq}"
                if one.reason is None:
                    projected += 1
                    typer.echo(f"{entry}: {would}projected")
                else:
                    still += 1
                    typer.echo(f"{entry}: still parked: {printable(one.reason)}")
    typer.echo(f"{projected:,} {would}projected, {still:,} still parked")


async def _retry_build(settings: Settings, name: str) -> None:
    """Adds the parked events of a projection to its live build; builds it again if that is not possible."""
    upcasters = load_upcasters(settings)
    try:
        async with _live_build(settings, name) as (connection, model):
            for parked in await list_parked(connection, model, limit=LAST):
                one = await retry_parked(connection, model, parked, upcasters)
                outcome = "projected" if one.reason is None else f"still parked: {printable(one.reason)}"
                typer.echo(f"entry {one.seq}: {outcome}")
    except RebuildError as error:
        typer.echo(f"{error}: building {name} again from the log")
        async with await connect_log(settings, "parked") as client:
            await replay_projection(client, settings, stop_on_signals(), name)
        typer.echo(f"`tailrace cutover {name}` shows the result")


@asynccontextmanager
async def _live_build(settings: Settings, name: str) -> "AsyncIterator[tuple[asyncpg.Connection, DeclaredModel]]":
    async with connected(settings.dsn, name="parked") as connection:
        await require_current_schema(connection)
        model = await get_live_projection(connection, name)
        if model is None:
            raise unknown(name)
        yield connection, model


@asynccontextmanager
async def _parked(settings: Settings, name: str | None) -> AsyncIterator[Callable[..., Awaitable[list[ParkedEvent]]]]:
    """Yields what lists parked events, of the built-in model or of a projection."""
    if name is not None:
        async with _live_build(settings, name) as (connection, model):
            yield partial(list_parked, connection, model)
    else:
        async with connected(settings.dsn, name="parked") as connection:
            yield (await ParkedEvents.of(connection)).list


def _row(one: ParkedEvent) -> tuple[str, ...]:
    return str(one.seq), one.logged_at.isoformat(" ", "seconds"), one.code, one.reason, str(one.event_id or "–")


def _as_json(one: ParkedEvent) -> dict[str, object]:
    return {
        "seq": one.seq,
        "event_id": str(one.event_id) if one.event_id else None,
        "code": one.code,
        "reason": one.reason,
        "logged_at": one.logged_at.isoformat(),
        "parked_at": one.parked_at.isoformat(),
        # bytes that are not UTF-8 are escaped: this is for reading, the log has the original
        "payload": one.payload.decode(errors="backslashreplace"),
    }

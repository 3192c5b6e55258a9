"""``tailrace verify``, ``cutover``, ``rollback`` and ``drop-old`` with the name of a projection."""

import json

import asyncpg
import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from contracts.errors import ConflictError
from migrations.projections import DeclaredModel, get_live_projection
from migrations.runner import require_current_schema
from migrations.upcasters import load_upcasters
from projection.cutover import Direction
from projection.declared.cutover import choose, drop_old, swap, unknown
from projection.declared.replay import finish_orphan
from projection.declared.verify import Verified, verify_projection
from projection.replay import Step
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.postgres import connected
from runtime.settings import Settings
from tailrace.terminal import as_text, label_table, progress_bar
from verification.rollups import RollupReceipt, verify_rollup


async def verify_build(settings: Settings, name: str, *, as_json: bool) -> None:
    """Verifies the build that readers see and prints the outcome; exits with 1 if anything differs.

    Raises:
        ConflictError: there is no such projection.
    """
    async with await connect_log(settings, "verify") as client, connected(settings.dsn, name="verify") as connection:
        await require_current_schema(connection)
        model = await get_live_projection(connection, name)
        if model is None:
            raise unknown(name)
        if not await _agrees(client, settings, connection, model, as_json=as_json):
            raise typer.Exit(1)


async def swap_builds(settings: Settings, name: str, direction: Direction, check: bool) -> None:
    """Shows readers another build of a projection, by default after it is verified.

    Raises:
        ConflictError: there is no other build that is ready.
        NotSwappedError: batches or readers block the swap.
    """
    async with await connect_log(settings, direction) as client, connected(settings.dsn, name=direction) as connection:
        await require_current_schema(connection)
        builds = await choose(connection, name, direction)
        await finish_orphan(client, settings, connection, builds)
        if check and not await _agrees(client, settings, connection, builds.new, as_json=False):
            typer.echo(f"{builds.new} differs from the log: readers still see the build before", err=True)
            raise typer.Exit(1)
        await swap(connection, builds)
    back = "rollback" if direction == "cutover" else "cutover"
    other = f"; `tailrace {back} {name}` returns to version {builds.old.version}" if builds.old else ""
    typer.echo(f"readers now see {builds.new}{other}")


async def drop_builds(settings: Settings, name: str) -> None:
    """Drops every build of a projection but the live one.

    Raises:
        ConflictError: there is none, or one is in use.
    """
    async with connected(settings.dsn, name="drop-old") as connection:
        await require_current_schema(connection)
        dropped = await drop_old(connection, name)
    if not dropped:
        raise ConflictError(f"nothing to drop: {name} has no build but the live one")
    for model in dropped:
        typer.echo(f"dropped {model}")


async def _agrees(
    client: LogClient, settings: Settings, connection: "asyncpg.Connection", model: DeclaredModel, *, as_json: bool
) -> bool:
    verified: Verified | RollupReceipt
    with progress_bar("reading the log", MofNCompleteColumn(), TimeRemainingColumn()) as (bar, task):
        if model.kind == "rollup":
            upcasters = load_upcasters(settings)

            def on_read(done: int, of: int) -> None:
                bar.update(task, completed=done, total=of)

            verified = await verify_rollup(client, connection, model, on_read, upcasters=upcasters)
            counts = [("cells", f"{verified.cells:,}, of {verified.events:,} events")]
            verdict = "counted again by other code, every cell and every set of users agrees with the log"
        else:

            def on_step(step: Step) -> None:
                bar.update(task, completed=step.position.seq, total=step.end)

            verified = await verify_projection(client, settings, connection, model, on_step)
            counts = [(table, f"{one.rows:,} rows, digest {one.hash}") for table, one in verified.tables.items()]
            verdict = "built again from the log, every table has the same rows"
    differences = verified.differences
    if as_json:
        found = {"name": model.name, "version": model.version, "cursor": str(verified.position)}
        typer.echo(json.dumps({**found, **dict(counts), "differences": differences}, indent=2))
    else:
        rows = [(str(model), f"at {verified.position}"), *counts, *(("DIFFERS", one) for one in differences)]
        typer.echo(as_text(label_table(rows if differences else [*rows, ("verified", verdict)]), 140))
    return not differences

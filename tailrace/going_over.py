"""``tailrace cutover``, ``rollback`` and ``drop-old``."""

import typer

from contracts.errors import ConflictError
from projection.cutover import Direction, drop_old, go_over
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings
from runtime.upcasters import load_upcasters
from tailrace.verifying import describe, reading_the_log


async def go_over_with_progress(settings: Settings, direction: Direction, *, check: bool) -> None:
    """Goes over and says so.

    Raises:
        typer.Exit: with code 1, the model differs from the log, and readers see what they saw.
        TailraceError: it can't be done; says why.
    """
    upcasters = load_upcasters(settings)
    client = await connect_log(settings, direction)
    try:
        connection = await connect(settings.dsn, name=direction)
        try:
            with reading_the_log() as on_read:
                swap = await go_over(client, connection, direction, check=check, upcasters=upcasters, on_read=on_read)
        finally:
            await connection.close()
    finally:
        await client.close()
    if swap.receipt is not None:
        typer.echo(describe(swap.receipt))
    if not swap.new.live:
        typer.echo(f"{swap.new.name} differs from the log: readers still see {swap.old.name}", err=True)
        raise typer.Exit(1)
    back = "rollback" if direction == "cutover" else "cutover"
    typer.echo(f"readers see {swap.new.name} now; `tailrace {back}` shows {swap.old.name} again", nl=False)
    typer.echo(", `tailrace drop-old` removes it" if direction == "cutover" else "")


async def drop_models(settings: Settings) -> None:
    """Drops every model but the live one.

    Raises:
        ConflictError: there is none, or somebody still projects into one.
    """
    connection = await connect(settings.dsn, name="drop-old")
    try:
        dropped = await drop_old(connection)
    finally:
        await connection.close()
    if not dropped:
        raise ConflictError("there is no model but the live one")
    for model in dropped:
        typer.echo(f"dropped {model.name}")

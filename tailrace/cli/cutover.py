"""``tailrace cutover``, ``rollback`` and ``drop-old``."""

from collections.abc import Sequence
from typing import Annotated

import typer

from contracts.errors import ConflictError
from migrations.catalogue import Model
from migrations.upcasters import load_upcasters
from projection.cutover import Direction, cut_over, roll_back
from projection.cutover import drop_old as drop_models
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings
from tailrace.cli.options import DataDir, run_to_end
from tailrace.cli.verify import describe, reading_the_log
from tailrace.endpoints import settings_for
from verification.receipt import Receipt
from verification.run import verify

Check = Annotated[bool, typer.Option("--verify/--no-verify", help="Verify the model first.")]


def cutover(check: Check = True, data_dir: DataDir = None) -> None:
    """Show readers the candidate model that a replay built."""
    run_to_end(_swap(settings_for(data_dir), "cutover", check=check))


def rollback(check: Check = True, data_dir: DataDir = None) -> None:
    """Show readers the previous model again."""
    run_to_end(_swap(settings_for(data_dir), "rollback", check=check))


def drop_old(data_dir: DataDir = None) -> None:
    """Drop every model except the live one."""
    run_to_end(_drop_models(settings_for(data_dir)))


async def _swap(settings: Settings, direction: Direction, *, check: bool) -> None:
    """Cuts over or rolls back, with ``check`` only to a verified model, and prints the result.

    Raises:
        typer.Exit: with code 1, the model differs from the log and readers still see the old one.
        TailraceError: the swap failed; the message says why.
    """
    upcasters = load_upcasters(settings)
    client = await connect_log(settings, direction)
    receipts: list[Receipt] = []
    try:
        connection = await connect(settings.dsn, name=direction)

        async def verify_model(model: Model) -> Sequence[str]:
            with reading_the_log() as on_read:
                receipts.append(await verify(client, connection, on_read, model=model, upcasters=upcasters))
            return receipts[-1].differences

        try:
            swap = await (cut_over if direction == "cutover" else roll_back)(
                client, connection, verify_model if check else None
            )
        finally:
            await connection.close()
    finally:
        await client.close()
    for receipt in receipts:
        typer.echo(describe(receipt))
    if not swap.new.live:
        typer.echo(f"{swap.new.name} differs from the log: readers still see {swap.old.name}", err=True)
        raise typer.Exit(1)
    back = "rollback" if direction == "cutover" else "cutover"
    typer.echo(f"readers see {swap.new.name} now; `tailrace {back}` shows {swap.old.name} again", nl=False)
    typer.echo(", `tailrace drop-old` removes it" if direction == "cutover" else "")


async def _drop_models(settings: Settings) -> None:
    """Drops every model but the live one.

    Raises:
        ConflictError: there is none, or somebody still projects into one.
    """
    connection = await connect(settings.dsn, name="drop-old")
    try:
        dropped = await drop_models(connection)
    finally:
        await connection.close()
    if not dropped:
        raise ConflictError("there is no model but the live one")
    for model in dropped:
        typer.echo(f"dropped {model.name}")

"""``tailrace cutover``, ``rollback`` and ``drop-old``."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from contracts.errors import ConflictError
from migrations.catalogue import Model, get_live_model
from migrations.streams import return_streams
from migrations.upcasters import load_upcasters
from projection.cutover import Direction, cut_over, roll_back
from projection.cutover import drop_old as drop_models
from runtime.log.connect import connect_log
from runtime.postgres import connected
from runtime.settings import Settings
from tailrace.cli.builds import drop_builds, swap_builds
from tailrace.cli.options import DataDir, Name, to_end
from tailrace.cli.verify import describe, verification_progress
from tailrace.endpoints import settings_for
from verification.receipt import Receipt
from verification.run import verify

Check = Annotated[bool, typer.Option("--verify/--no-verify", help="Verify the model first.")]


@to_end
async def cutover(
    name: Name = None,
    check: Check = True,
    lose: Annotated[int, typer.Option(min=0, help="Events that readers may lose: the log has them no more.")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Show readers the candidate model that a replay built."""
    await _show_other(settings_for(data_dir), name, "cutover", check=check, lose=lose)


@to_end
async def rollback(name: Name = None, check: Check = True, data_dir: DataDir = None) -> None:
    """Show readers the previous model again."""
    await _show_other(settings_for(data_dir), name, "rollback", check=check)


@to_end
async def drop_old(name: Name = None, data_dir: DataDir = None) -> None:
    """Drop every model except the live one.

    After a rollback to a model of the version before, that version can start again.
    """
    settings = settings_for(data_dir)
    await (_drop_models(settings) if name is None else drop_builds(settings, name))


async def _show_other(settings: Settings, name: str | None, direction: Direction, check: bool, lose: int = 0) -> None:
    if name is None:
        await _swap(settings, direction, check=check, lose=lose)
    else:
        await swap_builds(settings, name, direction, check)


async def _swap(settings: Settings, direction: Direction, *, check: bool, lose: int = 0) -> None:
    upcasters = load_upcasters(settings)
    swap_models = partial(cut_over, lose=lose) if direction == "cutover" else roll_back
    receipts: list[Receipt] = []
    async with await connect_log(settings, direction) as client, connected(settings.dsn, name=direction) as connection:

        async def verify_model(model: Model) -> Sequence[str]:
            with verification_progress() as on_read:
                receipts.append(await verify(client, connection, on_read, model=model, upcasters=upcasters))
            return receipts[-1].differences

        swap = await swap_models(client, connection, verify_model if check else None)
    for receipt in receipts:
        typer.echo(describe(receipt))
    if not swap.new.live:
        typer.echo(f"{swap.new.name} differs from the log: readers still see {swap.old.name}", err=True)
        raise typer.Exit(1)
    if not swap.new.is_current:
        typer.echo(
            f"readers now see {swap.new.name}, which is frozen; `tailrace cutover` returns to {swap.old.name}, "
            f"`tailrace drop-old` removes {swap.old.name}, so that the version that made {swap.new.name} can start"
        )
        return
    back = "rollback" if direction == "cutover" else "cutover"
    drop = ", `tailrace drop-old` removes it" if direction == "cutover" else ""
    typer.echo(f"readers now see {swap.new.name}; `tailrace {back}` returns to {swap.old.name}{drop}")


async def _drop_models(settings: Settings) -> None:
    async with connected(settings.dsn, name="drop-old") as connection:
        dropped = await drop_models(connection)
        if not (await get_live_model(connection)).is_current:
            async with await connect_log(settings, "drop-old") as client:
                await return_streams(client)
    if not dropped:
        raise ConflictError("nothing to drop: the live model is the only one")
    for model in dropped:
        typer.echo(f"dropped {model.name}")

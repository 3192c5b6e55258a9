"""``tailrace log``: looking at the log's history, recording a loss, declaring another history."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contracts.entries import Gap, LogState
from contracts.errors import ConfigurationError
from migrations.stream_metadata import accept_gap, new_epoch
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.cli.options import AsJson, DataDir, run_to_end
from tailrace.endpoints import settings_for

app = typer.Typer(
    help="The log's history: its epoch and its recorded gaps.", no_args_is_help=True, add_completion=False
)

_GAP = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


@app.command("show")
def log_show(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the log's epoch, its first and last entry, and its recorded gaps."""
    run_to_end(_show(settings_for(data_dir), as_json=as_json))


@app.command("accept-gap")
def log_accept_gap(
    gap: Annotated[str, typer.Argument(metavar="A..B", help="The first and the last lost sequence.")],
    data_dir: DataDir = None,
) -> None:
    """Record that log entries are lost, so that readers continue behind them."""
    run_to_end(_accept_gap(settings_for(data_dir), gap))


@app.command("new-epoch")
def log_new_epoch(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False, data_dir: DataDir = None
) -> None:
    """Declare a new epoch of the log. Every earlier cursor and read model is refused from then on."""
    if not yes:
        typer.confirm("Every cursor and every read model of this log will be refused. Declare a new epoch?", abort=True)
    run_to_end(_new_epoch(settings_for(data_dir)))


async def _show(settings: Settings, *, as_json: bool) -> None:
    """Prints where the log stands."""
    async with _log(settings) as log:
        state = await log.state()
    typer.echo(json.dumps(state._asdict(), indent=2) if as_json else describe(state))


async def _accept_gap(settings: Settings, text: str) -> None:
    """Records a gap, given as ``A..B``, and prints what follows from it.

    Raises:
        ConfigurationError: the text is not a gap.
        ConflictError: its entries are not gone.
    """
    match = _GAP.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{text[:40]!r} is no gap: expected A..B, the first and the last sequence that are gone"
        )
    gap = Gap(int(match[1]), int(match[2]))
    async with _log(settings) as log:
        before = (await log.state()).gaps
        after = await accept_gap(log, gap)
    if after == before:
        typer.echo(f"entries {gap.first} to {gap.last} were recorded as lost before; nothing has changed")
        return
    typer.echo(
        f"entries {gap.first} to {gap.last} are recorded as lost: start the projection service again, it goes on"
    )


async def _new_epoch(settings: Settings) -> None:
    """Gives the log another epoch and prints what follows from it."""
    async with _log(settings) as log:
        before, after = await new_epoch(log)
    typer.echo(f"epoch {before or '(none)'} -> {after}")
    typer.echo("Cursors and read models of the old epoch are refused from now on.")
    typer.echo("Start the command and query services again now.")
    typer.echo(
        "Run `tailrace replay` and `tailrace cutover` for a model of this log, then start the projection service."
    )


def describe(state: LogState) -> str:
    """The log for people."""
    table = Table.grid(padding=(0, 2))
    table.add_row("epoch", state.epoch or "none yet: the command service or the projector gives it one")
    empty = state.first_seq > state.last_seq
    table.add_row("entries", "none" if empty else f"{state.first_seq} to {state.last_seq}")
    table.add_row("size", f"{state.bytes / 1e6:,.1f} MB; event types: {state.subjects:,}")
    for gap in state.gaps:
        table.add_row("lost", f"{gap} ({gap.last - gap.first + 1:,} entries), recorded as lost")
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[LogClient]:
    client = await connect_log(settings, "log")
    try:
        yield client
    finally:
        await client.close()

"""``tailrace log``: shows the log, records lost entries, declares a new epoch."""

import json
import re
from typing import Annotated

import typer

from contracts.entries import Gap, LogState
from contracts.errors import ConfigurationError
from migrations.stream_metadata import accept_gap, new_epoch
from migrations.streams import create_log
from runtime.log.connect import connect_log
from runtime.log.errors import StreamMissingError
from tailrace.cli.options import AsJson, DataDir, to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import as_text, label_table

app = typer.Typer(help="The log's epoch, its range, and its lost entries.", no_args_is_help=True, add_completion=False)

_GAP = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


@app.command("show")
@to_end
async def log_show(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the log's epoch, its first and last entry, its size, and its recorded gaps."""
    async with await connect_log(settings_for(data_dir), "log") as log:
        state = await log.state()
    typer.echo(json.dumps(state._asdict(), indent=2) if as_json else _describe(state))


@app.command("accept-gap")
@to_end
async def log_accept_gap(
    gap: Annotated[str, typer.Argument(metavar="A..B", help="The first and the last lost sequence.")],
    data_dir: DataDir = None,
) -> None:
    """Record that log entries are lost, so that readers continue after them."""
    lost = _parse_gap(gap)
    async with await connect_log(settings_for(data_dir), "log") as log:
        before = (await log.state()).gaps
        after = await accept_gap(log, lost)
    entries = f"entries {lost.first} to {lost.last}"
    if after == before:
        typer.echo(f"{entries} were already recorded as lost; nothing changed")
    else:
        typer.echo(f"{entries} are recorded as lost; restart the projection service to continue after them")


@app.command("new-epoch")
@to_end
async def log_new_epoch(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False, data_dir: DataDir = None
) -> None:
    """Declare a new epoch of the log, or start an empty log if it is gone.

    Every cursor and read model of the old epoch is refused from then on.
    """
    if not yes:
        typer.confirm("Every cursor and every read model of this log will be refused. Declare a new epoch?", abort=True)
    settings = settings_for(data_dir)
    async with await connect_log(settings, "log") as log:
        try:
            before, after = await new_epoch(log)
        except StreamMissingError:
            before, after = "", await create_log(log, settings)
    typer.echo(f"epoch {before or '(none)'} -> {after}")
    typer.echo("Cursors and read models of the old epoch are refused from now on.")
    typer.echo("1. Restart the command and query services.")
    typer.echo("2. Build a model of this log: run `tailrace replay`, then `tailrace cutover`.")
    typer.echo("3. Restart the projection service.")


def _parse_gap(text: str) -> Gap:
    match = _GAP.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{text[:40]!r} is not a gap: expected A..B, the first and the last lost sequence, such as 12..15"
        )
    return Gap(int(match[1]), int(match[2]))


def _describe(state: LogState) -> str:
    empty = state.first_seq > state.last_seq
    rows = [
        ("epoch", state.epoch or "not set: the command service or the projection service sets it"),
        ("entries", "none" if empty else f"{state.first_seq} to {state.last_seq}"),
        ("size", f"{state.bytes / 1e6:,.1f} MB; event types: {state.subjects:,}"),
        *(("lost", f"{gap} ({gap.last - gap.first + 1:,} entries), recorded as lost") for gap in state.gaps),
    ]
    return as_text(label_table(rows))

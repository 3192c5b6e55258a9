"""``tailrace rejected``: lists the messages that validation rejected from the inbox."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from command.rejected import Rejected, list_rejected
from runtime.printable import printable
from runtime.settings import Settings
from tailrace.cli.connections import open_log
from tailrace.cli.options import DataDir, JsonLines, run_to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import list_table

app = typer.Typer(no_args_is_help=True, add_completion=False)

SHOWN = 200
"""Characters of a payload in the table; --json shows all of it."""


@app.callback()
def _group() -> None:
    """Messages that validation rejected from the inbox."""


@app.command("list")
def rejected_list(
    limit: Annotated[int, typer.Option(min=1, help="The newest; at most this many.")] = 50,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """List rejected messages with their reasons, the newest last."""
    found = run_to_end(_list(settings_for(data_dir), limit))
    if as_json:
        for one in found:
            typer.echo(printable(msgspec.json.encode(one).decode()))
    elif found:
        columns = ("received", "inbox", "code", "reason", "payload")
        Console().print(list_table(columns, map(_row, found)))
    else:
        typer.echo("no rejected messages")


async def _list(settings: Settings, limit: int) -> list[Rejected]:
    async with open_log(settings, "rejected") as client:
        return (await list_rejected(client, limit))[::-1]


def _row(one: Rejected) -> tuple[str, ...]:
    payload = one.payload if len(one.payload) <= SHOWN else one.payload[:SHOWN] + "…"
    return one.received_at.isoformat(" ", "seconds"), str(one.inbox_seq), one.code, one.message, payload

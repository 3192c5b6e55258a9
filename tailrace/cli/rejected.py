"""``tailrace rejected list``: what validation refused from the inbox."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from command.rejected import list_rejected
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.cli.options import DataDir, JsonLines, run_to_end
from tailrace.endpoints import settings_for

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
    run_to_end(_list(settings_for(data_dir), limit=limit, as_json=as_json))


async def _list(settings: Settings, *, limit: int, as_json: bool) -> None:
    """Prints the newest ``limit``, oldest first: a table, or one JSON object per line.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    client = await connect_log(settings, "rejected")
    try:
        found = list(reversed(await list_rejected(client, limit)))
    finally:
        await client.close()
    console = Console()
    if as_json:
        for item in found:
            console.print(msgspec.json.encode(item).decode(), markup=False, highlight=False, soft_wrap=True)
        return
    if not found:
        console.print("nothing was rejected")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("received", "inbox", "code", "reason", "payload"):
        table.add_column(column, overflow="fold")
    for item in found:
        received = item.received_at.isoformat(" ", "seconds") if item.received_at else "–"
        payload = item.payload if len(item.payload) <= SHOWN else item.payload[:SHOWN] + "…"
        table.add_row(received, str(item.inbox_seq), item.code, item.message, payload)
    console.print(table, markup=False)

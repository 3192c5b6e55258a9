"""``tailrace rejected list``: what validation refused from the inbox."""

import msgspec
from rich.console import Console
from rich.table import Table

from command.rejected import list_rejected
from runtime.log.connect import connect_log
from runtime.settings import Settings

SHOWN = 200
"""Characters of a payload in the table; --json shows all of it."""


async def show_rejections(settings: Settings, *, limit: int, as_json: bool) -> None:
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

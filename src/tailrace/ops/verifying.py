"""``tailrace verify``: progress while the log is read again, then the receipt."""

import json

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tailrace.projection.verify.receipt import Receipt
from tailrace.projection.verify.run import verify
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.postgres import connect
from tailrace.runtime.settings import Settings

DAYS_SHOWN = 14


async def verify_with_progress(settings: Settings, *, as_json: bool) -> None:
    """Verifies and prints the receipt.

    Raises:
        typer.Exit: with code 1, something differs.
        TailraceError: it can't be verified; says why.
    """
    client = await connect_log(settings, "verify")
    try:
        connection = await connect(settings.dsn, name="verify")
        try:
            bar = Progress(
                TextColumn("reading the log"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            with bar:
                task = bar.add_task("", total=None)
                receipt = await verify(client, connection, lambda done, of: bar.update(task, completed=done, total=of))
        finally:
            await connection.close()
    finally:
        await client.close()
    typer.echo(json.dumps(receipt.as_json(), indent=2) if as_json else describe(receipt))
    if receipt.differences:
        raise typer.Exit(1)


def describe(receipt: Receipt) -> str:
    """The receipt for people."""
    table = Table.grid(padding=(0, 2))
    table.add_row("log entries", f"{receipt.entries:,} ({receipt.log_from} to {receipt.position})")
    table.add_row("", f"= {receipt.events:,} events + {receipt.duplicates:,} repetitions + {receipt.parked:,} parked")
    table.add_row("distinct ids", f"{receipt.distinct_ids:,}")
    table.add_row("digest", f"log {receipt.log_digest}, {receipt.model} {receipt.table_digest}")
    for event_type, events in receipt.by_type.most_common():
        table.add_row("by type", f"{events:>12,}  {event_type}")
    days = sorted(receipt.by_day.items())
    for day, events in days[-DAYS_SHOWN:]:
        table.add_row("by day", f"{events:>12,}  {day.date().isoformat()}")
    if len(days) > DAYS_SHOWN:
        table.add_row("", f"and {len(days) - DAYS_SHOWN:,} days before (--json lists all)")
    for difference in receipt.differences:
        table.add_row("DIFFERS", difference)
    if not receipt.differences:
        table.add_row("verified", "rows, ledger, parked events, every rollup and all-time count agree with the log")
    console = Console(width=140)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())

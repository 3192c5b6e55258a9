"""``tailrace verify``: progress while the log is read again, then the receipt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tailrace.projection.verify.receipt import Receipt
from tailrace.projection.verify.run import verify
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.postgres import connect
from tailrace.runtime.settings import Settings
from tailrace.runtime.upcasters import load_upcasters

DAYS_SHOWN = 14


async def verify_with_progress(settings: Settings, *, as_json: bool) -> None:
    """Verifies and prints the receipt.

    Raises:
        typer.Exit: with code 1, something differs.
        TailraceError: it can't be verified; says why.
    """
    upcasters = load_upcasters(settings)
    client = await connect_log(settings, "verify")
    try:
        connection = await connect(settings.dsn, name="verify")
        try:
            with reading_the_log() as on_read:
                receipt = await verify(client, connection, on_read, upcasters=upcasters)
        finally:
            await connection.close()
    finally:
        await client.close()
    typer.echo(json.dumps(receipt.as_json(), indent=2) if as_json else describe(receipt))
    if receipt.differences:
        raise typer.Exit(1)


@contextmanager
def reading_the_log() -> Iterator[Callable[[int, int], None]]:
    """A progress bar; yields what is to be told how many log entries of how many were read."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("reading the log"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def describe(receipt: Receipt) -> str:
    """The receipt for people."""
    table = Table.grid(padding=(0, 2))
    table.add_row("log entries", f"{receipt.entries:,} ({receipt.log_from} to {receipt.position})")
    table.add_row("", f"= {receipt.events:,} events + {receipt.duplicates:,} repetitions + {receipt.parked:,} parked")
    for gap in receipt.gaps:
        table.add_row("lost", f"log entries {gap.first} to {gap.last}, recorded as lost")
    table.add_row("distinct ids", f"{receipt.distinct_ids:,}")
    if receipt.raw_from is not None:
        table.add_row("rows", f"kept from {receipt.raw_from:%Y-%m-%d} on (retention); before that, counts are compared")
    table.add_row("digest", f"log {receipt.log_digest}, {receipt.model} {receipt.table_digest}")
    for level, events in receipt.rollups.items():
        table.add_row(f"events_by_{level}", f"{events:>12,}  in all")
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

"""``tailrace verify``: progress while the log is read again, then the receipt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from migrations.upcasters import load_upcasters
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings
from tailrace.cli.options import AsJson, DataDir, run_to_end
from tailrace.endpoints import settings_for
from verification.digests import ROWS, USERS
from verification.receipt import Receipt
from verification.run import verify as verify_model

DAYS_SHOWN = 14
COLUMNS = {
    ROWS: "rows",
    "events_by_minute": "by minute",
    "events_by_hour": "by hour",
    "events_by_day": "by day",
    USERS: "by user",
}
"""What each table is called above its counts."""
COLUMN = 12


def verify(
    database: Annotated[
        str | None, typer.Option(help="The database, if not the configured one.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Read the log again and compare every table with it. Exits with 1 if anything differs."""
    chosen = {} if database is None else {"database": database}
    run_to_end(verify_with_progress(settings_for(data_dir, **chosen), as_json=as_json))


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
                receipt = await verify_model(client, connection, on_read, upcasters=upcasters)
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


def _left_out(receipt: Receipt) -> str:
    first, last = (f"{hour:%Y-%m-%d %H}:00" for hour in (receipt.late_hours[0], receipt.late_hours[-1]))
    hours = f"the hour {first}" if first == last else f"{len(receipt.late_hours):,} hours from {first} to {last}"
    return f"{hours}, to which {receipt.late_pending:,} late events are on their way"


def _add_counts(table: Table, receipt: Receipt) -> None:
    """What the log has of each type and on each day, and each table beside it."""

    def add(label: str, name: str, *counts: int) -> None:
        table.add_row(label, "".join(f"{count:>{COLUMN},}" for count in counts) + f"  {name}")

    table.add_row("events", "".join(f"{name:>{COLUMN}}" for name in ("log", *COLUMNS.values())))
    kept = [receipt.tables[relation].kept for relation in COLUMNS]
    add("", "in all", receipt.events, *(one.events.total() for one in kept))
    by_type = [one.by_type for one in kept]
    for event_type, events in receipt.by_type.most_common():
        add("by type", event_type, events, *(counts[event_type] for counts in by_type))
    by_day = [one.by_day for one in kept]
    days = sorted(receipt.by_day.items())
    for day, events in days[-DAYS_SHOWN:]:
        add("by day", day.date().isoformat(), events, *(counts[day] for counts in by_day))
    if len(days) > DAYS_SHOWN:
        table.add_row("", f"and {len(days) - DAYS_SHOWN:,} days before (--json lists all)")


def describe(receipt: Receipt) -> str:
    """The receipt for people."""
    table = Table.grid(padding=(0, 2))
    table.add_row("log entries", f"{receipt.entries:,} ({receipt.log_from} to {receipt.position})")
    table.add_row("", f"= {receipt.events:,} events + {receipt.duplicates:,} repetitions + {receipt.parked:,} parked")
    for gap in receipt.gaps:
        table.add_row("lost", f"log entries {gap.first} to {gap.last}, recorded as lost")
    table.add_row("distinct ids", f"{receipt.distinct_ids:,}")
    if receipt.raw_from is not None:
        table.add_row(
            "rows", f"kept from {receipt.raw_from:%Y-%m-%d} on (retention); rollups are compared from the beginning"
        )
    if receipt.late_hours:
        table.add_row("left out", f"of the rollups: {_left_out(receipt)}")
    for relation, (logged, kept) in receipt.tables.items():
        table.add_row("digest" if relation == ROWS else relation, f"log {logged.total}, {receipt.model} {kept.total}")
    _add_counts(table, receipt)
    for difference in receipt.differences:
        table.add_row("DIFFERS", difference)
    if not receipt.differences:
        rows = "rows" if receipt.raw_from is None else "the rows that are kept"
        but = ", but for the hours that are left out" if receipt.late_hours else ""
        table.add_row(
            "verified", f"{rows}, ledger, parked events, every rollup and all-time count agree with the log{but}"
        )
    console = Console(width=140)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())

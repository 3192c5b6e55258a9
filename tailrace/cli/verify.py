"""``tailrace verify``: a progress bar while the log is read, then the receipt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from migrations.upcasters import load_upcasters
from runtime.log.connect import connect_log
from runtime.postgres import connected
from tailrace.cli.builds import verify_build
from tailrace.cli.options import AsJson, DataDir, Name, to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import as_text, label_table, progress_bar
from verification.digests import ROWS
from verification.receipt import Receipt
from verification.run import verify as verify_model

DAYS_SHOWN = 14
COLUMNS = {
    ROWS: "rows",
    "events_by_minute": "by minute",
    "events_by_hour": "by hour",
    "events_by_day": "by day",
}
"""The heading of each table's counts."""
COLUMN_WIDTH = 12
WIDTH = 140


@to_end
async def verify(
    name: Name = None,
    database: Annotated[
        str | None, typer.Option(help="The database, if not the configured one.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Read the log again and compare every table with it. Exits with 1 if anything differs."""
    settings = settings_for(data_dir, **({} if database is None else {"database": database}))
    if name is not None:
        await verify_build(settings, name, as_json=as_json)
        return
    upcasters = load_upcasters(settings)
    async with await connect_log(settings, "verify") as client, connected(settings.dsn, name="verify") as connection:
        with verification_progress() as on_read:
            receipt = await verify_model(client, connection, on_read, upcasters=upcasters)
    typer.echo(json.dumps(receipt.as_json(), indent=2) if as_json else describe(receipt))
    if receipt.differences:
        raise typer.Exit(1)


@contextmanager
def verification_progress() -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar; yields a function that sets the read and the total log entries."""
    with progress_bar("reading the log", MofNCompleteColumn(), TimeRemainingColumn()) as (bar, task):
        yield lambda done, of: bar.update(task, completed=done, total=of)


def describe(receipt: Receipt) -> str:
    """Returns the receipt as text."""
    rows = [
        ("log entries", f"{receipt.entries:,} ({receipt.log_from} to {receipt.position})"),
        ("", f"= {receipt.events:,} events + {receipt.duplicates:,} duplicates + {receipt.parked:,} parked"),
        *(("lost", f"log entries {gap.first} to {gap.last}, recorded as lost") for gap in receipt.gaps),
        ("distinct ids", f"{receipt.distinct_ids:,}"),
    ]
    if receipt.raw_from is not None:
        rows.append(("rows", f"from {receipt.raw_from:%Y-%m-%d} on (retention); rollups cover all time"))
    if receipt.late_hours:
        rows.append(("not compared", _late_hours(receipt)))
    for relation, (logged, kept) in receipt.tables.items():
        label = "digest" if relation == ROWS else relation
        rows.append((label, f"log {logged.total}, {receipt.model} {kept.total}"))
    rows += _counts(receipt)
    rows += [("DIFFERS", difference) for difference in receipt.differences]
    if not receipt.differences:
        rows.append(("verified", _verdict(receipt)))
    return as_text(label_table(rows), WIDTH)


def _late_hours(receipt: Receipt) -> str:
    first, last = (f"{hour:%Y-%m-%d %H}:00" for hour in (receipt.late_hours[0], receipt.late_hours[-1]))
    hours = f"the hour {first}" if first == last else f"{len(receipt.late_hours):,} hours from {first} to {last}"
    return f"rollups of {hours}, where {receipt.late_pending:,} late events are pending"


def _verdict(receipt: Receipt) -> str:
    rows = "rows" if receipt.raw_from is None else "the retained rows"
    but = ", except for the hours not compared" if receipt.late_hours else ""
    return f"{rows}, ledger, parked events, every rollup and all-time count agree with the log{but}"


def _counts(receipt: Receipt) -> "list[tuple[str, str]]":
    """Compares the log's counts with each table's: in total, per event type, and per day."""

    def row(label: str, name: str, *counts: int) -> tuple[str, str]:
        return label, "".join(f"{count:>{COLUMN_WIDTH},}" for count in counts) + f"  {name}"

    kept = [receipt.tables[relation].kept for relation in COLUMNS]
    rows = [
        ("events", "".join(f"{name:>{COLUMN_WIDTH}}" for name in ("log", *COLUMNS.values()))),
        row("", "total", receipt.events, *(one.events.total() for one in kept)),
    ]
    for event_type, events in receipt.by_type.most_common():
        rows.append(row("by type", event_type, events, *(one.by_type[event_type] for one in kept)))
    days = sorted(receipt.by_day.items())
    for day, events in days[-DAYS_SHOWN:]:
        rows.append(row("by day", day.date().isoformat(), events, *(one.by_day[day] for one in kept)))
    if len(days) > DAYS_SHOWN:
        rows.append(("", f"and {len(days) - DAYS_SHOWN:,} earlier days (--json lists all)"))
    return rows

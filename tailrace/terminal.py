"""Consoles, tables and progress bars that print text unchanged: rich would read markup and emoji codes in it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from runtime.printable import printable

_T = TypeVar("_T")


def plain_console(**options: Any) -> Console:
    """Returns a console without markup, emoji codes and highlighting; ``options`` are those of ``Console``."""
    return Console(markup=False, emoji=False, highlight=False, **options)


def label_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Returns a table of labels and texts without lines; a label may be empty."""
    table = Table.grid(padding=(0, 2))
    for label, text in rows:
        table.add_row(Text(label), Text(printable(text)))
    return table


def list_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """Returns a table with a heading; long texts are folded."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def print_list(
    found: Sequence[_T],
    columns: Iterable[str],
    row: Callable[[_T], Iterable[str]],
    none: str,
    *,
    as_json: bool,
    members: Callable[[_T], object],
) -> None:
    """Prints a table of what was found, or the sentence ``none``; as JSON, a line with the ``members`` of each."""
    if as_json:
        for one in found:
            typer.echo(printable(msgspec.json.encode(members(one)).decode()))
    elif found:
        plain_console().print(list_table(columns, map(row, found)))
    else:
        typer.echo(none)


def as_text(table: Table, width: int = 120) -> str:
    """Returns a table as plain text of at most ``width`` columns."""
    console = plain_console(width=width)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


@contextmanager
def progress_bar(
    name: str, *columns: ProgressColumn, disable: bool = False, **fields: Any
) -> Iterator[tuple[Progress, TaskID]]:
    """Shows a bar on standard error while the block runs, if that is a terminal. ``fields`` are the columns' own."""
    console = plain_console(stderr=True)
    hidden = disable or not console.is_terminal
    with Progress(TextColumn(name), BarColumn(), *columns, console=console, transient=True, disable=hidden) as bar:
        yield bar, bar.add_task("", total=None, **fields)

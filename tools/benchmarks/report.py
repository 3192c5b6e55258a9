"""A benchmark's result: for machines as JSON, for people as a table, which is the docs' too."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Report(NamedTuple):
    """What one benchmark found; ``failure`` is a sentence where something is wrong."""

    name: str
    command: str
    """What makes it, without the word ``tailrace``."""
    title: str
    explanation: str
    table: str
    figures: dict[str, Any]
    failure: str | None = None


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[int] = (0,)) -> str:
    """A table that reads well in a terminal and on a page (Markdown); ``text`` names the columns without figures."""
    widths = [max(3, *(len(row[column]) for row in (head, *rows))) for column in range(len(head))]
    rule = ["-" * width if column in text else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = [
        [
            row[column].ljust(width) if column in text else row[column].rjust(width)
            for column, width in enumerate(widths)
        ]
        for row in (head, rule, *rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """A count or a rate."""
    return f"{value:,.0f}"


def megabytes(value: float) -> str:
    """Bytes in MB."""
    return f"{value / 1e6:,.0f}"


def milliseconds(value: float) -> str:
    """Seconds in ms."""
    return f"{value * 1000:,.1f}"


def kilobytes(value: float) -> str:
    """Bytes in kB."""
    return f"{value / 1e3:,.0f}"


def percent(value: float) -> str:
    """A share; 100 % is all of it and nothing less."""
    return f"{int(value * 1000) / 10:.1f} %"


def times(value: float | None) -> str:
    """A ratio; "" where there is none."""
    return "" if value is None else f"{value:.2f}"


def ratio(one: float, other: float) -> float | None:
    """``one`` by ``other``; None where that is nothing."""
    return one / other if other else None

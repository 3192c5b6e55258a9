"""Answers as CSV, for spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable

import msgspec

from query.stats.models import Stats, Top

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""


def as_csv(stats: Stats) -> str:
    """Returns the values of the property if the answer has some, else the series."""
    top = stats["top"]
    if top is not None:
        return _table(("value", "events", "users"), _rows_of(top))
    points: list[tuple[str, str, int, int | None]] = [
        (one["bucket"], one["event_type"], one["events"], one["users"]) for one in stats["series"]
    ]
    others = stats["other_types"]["series"] if stats["other_types"] else []
    points += [(one["bucket"], "(other types)", one["events"], one["users"]) for one in others]
    places = {bucket: number for number, bucket in enumerate(stats["buckets"])}
    ordered = sorted(points, key=lambda point: places[point[0]])
    return _table(("bucket", "event_type", "events", "users"), ordered)


def file_name(named: str) -> str:
    """Returns the name of the file for a property or a series."""
    return f"tailrace-{re.sub('[^A-Za-z0-9._-]+', '-', named)}.csv"


def _rows_of(top: Top) -> Iterable[tuple[object, ...]]:
    for one in top["values"]:
        value = msgspec.json.decode(one["value"])
        yield value if isinstance(value, str) else bytes(one["value"]).decode(), one["events"], one["users"]
    yield "(other)", top["other"], None
    yield "(missing)", top["missing"], None


def _table(head: Iterable[str], rows: Iterable[tuple[object, ...]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(head)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return written.getvalue()


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

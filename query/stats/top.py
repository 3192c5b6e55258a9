"""The most frequent values of a property of the events."""

import msgspec

from query.database import Snapshot
from query.stats.models import Top, TopValue
from query.stats.ranges import Range


async def count_values(ask: Snapshot, span: Range, types: list[str] | None, name: str, limit: int) -> Top:
    """Counts the values of ``event_data.<key>.<key>`` in a range, of which every event is read."""
    rows = await ask.rows("top", name.split(".")[1:], span.start, span.end, types, limit)
    rest = {row["kind"]: row["events"] for row in rows if row["kind"] != "value"}
    # a value is JSON as it comes, and its numbers keep all of their digits
    values = [
        TopValue(value=msgspec.Raw(row["value"].encode()), events=row["events"])
        for row in rows
        if row["kind"] == "value"
    ]
    return Top(property=name, values=values, other=rest["other"], missing=rest["missing"])

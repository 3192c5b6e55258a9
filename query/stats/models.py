"""The shape of what ``GET /stats`` answers, as OpenAPI shows it. Answers are plain dicts that have it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on

from query.stats.ranges import Bucket

Users = Annotated[int | None, Field(description="Distinct users; null with `users=false`.")]


class Totals(TypedDict):
    """Everything that was asked for, together."""

    events: Annotated[int, Field(description="Events; each event_id counts once.")]
    users: Users


class TypeTotals(TypedDict):
    """One event type. A user counts for each type they have events of."""

    event_type: str
    events: int
    users: Users


BucketBegin = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="When the bucket begins, with the offset of `tz`; at a range's edge it may reach outside."),
]


class SeriesPoint(TypedDict):
    """Events of one type in one bucket; where there are none, there is no point."""

    bucket: BucketBegin
    event_type: str
    events: int


class TopValue(TypedDict):
    """One value of the property."""

    value: Annotated[
        Any, Field(description="A string, a number, true, false or null. The string `1` is not the number 1.")
    ]
    events: int


class Top(TypedDict):
    """The values of a property. `values`, `other` and `missing` together are all the events."""

    property: Annotated[str, Field(description="As asked.")]
    values: Annotated[list[TopValue], Field(description="The most frequent first, at most `top_limit`.")]
    other: Annotated[int, Field(description="Events with another value, or with an object or an array there.")]
    missing: Annotated[int, Field(description="Events that don't have the property.")]


_Ends = TypedDict(
    "_Ends",
    {
        "from": Annotated[datetime | None, Field(description="As asked (UTC); null: from the first event on.")],
        "to": Annotated[datetime | None, Field(description="As asked (UTC); null: up to the last event.")],
    },
)
_PreviousEnds = TypedDict("_PreviousEnds", {"from": datetime, "to": datetime})


class Previous(_PreviousEnds):
    """The period before (UTC)."""

    totals: Totals
    by_type: Annotated[list[TypeTotals], Field(description="Sorted by event type.")]


class AsOf(TypedDict):
    """The state of the log that the answer is exact for."""

    cursor: Annotated[str | None, Field(description="The position counted up to; null before anything was projected.")]
    revision: Annotated[int, Field(description="Counts corrections to what had been projected before.")]
    lag_events: Annotated[
        int | None, Field(description="Log entries not counted yet; null while the log does not answer.")
    ]
    lag_seconds: Annotated[
        float | None, Field(description="How long the oldest of them has been in the log; null likewise.")
    ]
    late_pending: Annotated[
        int,
        Field(description="Late events that ranges and series don't have yet (TimescaleDB refreshes its aggregates)."),
    ]


EXAMPLE: Any = {
    "from": "2026-03-28T23:00:00Z",
    "to": "2026-03-29T22:00:00Z",
    "bucket": "day",
    "buckets": ["2026-03-29T00:00:00+01:00"],
    "tz": "Europe/Berlin",
    "totals": {"events": 3, "users": 2},
    "by_type": [
        {"event_type": "click", "events": 1, "users": 1},
        {"event_type": "page_view", "events": 2, "users": 2},
    ],
    "series": [
        {"bucket": "2026-03-29T00:00:00+01:00", "event_type": "click", "events": 1},
        {"bucket": "2026-03-29T00:00:00+01:00", "event_type": "page_view", "events": 2},
    ],
    "top": {
        "property": "event_data.path",
        "values": [{"value": "/home", "events": 2}],
        "other": 0,
        "missing": 1,
    },
    "previous": {
        "from": "2026-03-27T23:00:00Z",
        "to": "2026-03-28T23:00:00Z",
        "totals": {"events": 1, "users": 1},
        "by_type": [{"event_type": "page_view", "events": 1, "users": 1}],
    },
    "as_of": {
        "cursor": "0a1b2c3d4e5f:4:89abcdef01234567",
        "revision": 0,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "late_pending": 0,
    },
}
"""The answer to ``tz=Europe/Berlin&bucket=day&top=event_data.path&compare=previous`` and a day of 23 hours."""


@with_config(ConfigDict(json_schema_extra={"examples": [EXAMPLE]}))
class Stats(_Ends):
    """What `GET /stats` answers, all of it of one state of the read model."""

    bucket: Annotated[Bucket, Field(description="As asked, or the one that `auto` chose.")]
    buckets: Annotated[
        list[BucketBegin],
        Field(
            description="Every bucket of the range in order, empty ones too, each as `series` writes it: an axis needs "
            "to know no zones. An open end is where the events end; [] where there are none."
        ),
    ]
    tz: Annotated[str, Field(description="As asked.")]
    totals: Totals
    by_type: Annotated[list[TypeTotals], Field(description="Sorted by event type.")]
    series: Annotated[list[SeriesPoint], Field(description="Sorted by bucket, then by event type.")]
    top: Annotated[Top | None, Field(description="Null without `top`.")]
    previous: Annotated[Previous | None, Field(description="Null without `compare`.")]
    as_of: AsOf

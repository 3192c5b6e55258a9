"""The shape of an answer to ``GET /stats``. Answers are plain dicts; OpenAPI shows these types."""

from datetime import datetime
from typing import (
    Annotated,
    Any,  # pydantic needs this one below Python 3.12
    Literal,
)

from pydantic import ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from query.as_of import AsOf
from query.parameters import Bucket
from query.users import MAX_TYPES

Users = Annotated[
    int | None,
    Field(description="Distinct users; null with `users=false`, and for a type if `users_per_type` is false."),
]


class Totals(TypedDict):
    """The counts of all requested types together."""

    events: Annotated[int, Field(description="Each event_id counts once.")]
    users: Users


class TypeTotals(TypedDict):
    """The counts of one event type. A user counts once for each type."""

    event_type: str
    events: int
    users: Users


BucketBegin = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="Start, with the offset of `tz`; the first bucket may start before the range."),
]


class SeriesPoint(TypedDict):
    """Events of one type in one bucket; a bucket without events has no point."""

    bucket: BucketBegin
    event_type: str
    events: int
    users: Annotated[
        int | None,
        Field(description="Distinct users; null without `users=series`, and if `users_per_type` is false."),
    ]


_OTHER_USERS = (
    "Distinct users of all these types together: a user of several of them counts once. "
    f"Null if the range has more than {MAX_TYPES:,} event types, or all time more than {MAX_TYPES:,} other types"
)


class OtherPoint(TypedDict):
    """Events of all other types in one bucket; a bucket without any has no point."""

    bucket: BucketBegin
    events: int
    users: Annotated[int | None, Field(description=f"{_OTHER_USERS}, and without `users=series`.")]


class OtherTotals(TypedDict):
    """The counts of the event types that are not named."""

    types: Annotated[int, Field(description="The number of these types.")]
    events: int
    users: Annotated[int | None, Field(description=f"{_OTHER_USERS}, and with `users=false`.")]


class OtherTypes(OtherTotals):
    """The event types that are not among the `type_limit` most frequent, together."""

    series: Annotated[list[OtherPoint], Field(description="Sorted by bucket.")]


class TopValue(TypedDict):
    """One value of the property."""

    value: Annotated[
        Any, Field(description="A string, a number, true, false or null. The string `1` differs from the number 1.")
    ]
    events: int
    users: Annotated[int | None, Field(description="Distinct users of these events; null if they are not counted.")]


class Top(TypedDict):
    """The values of a property. `values`, `other` and `missing` add up to the counted events."""

    property: Annotated[str, Field(description="As requested.")]
    source: Annotated[
        Literal["pages", "events"],
        Field(
            description="`pages`: the built-in projection, in which a number is text, text is cut at 256 bytes, and "
            "null, objects and arrays are `missing`. `events`: single events."
        ),
    ]
    event_types: Annotated[
        list[str] | None,
        Field(
            description="The types that were counted, for `event_data.path` without `event_type`; null: as requested."
        ),
    ]
    partial: Annotated[bool, Field(description="Whether only the newest 1,000,000 or fewer events were counted.")]
    counted_from: Annotated[
        datetime | None, Field(description="The start of the counted events; null: from the first event.")
    ]
    values: Annotated[list[TopValue], Field(description="Most frequent first, at most `top_limit`.")]
    other: Annotated[int, Field(description="Events with another value, an object or an array.")]
    missing: Annotated[int, Field(description="Events without the property.")]


_Ends = TypedDict(
    "_Ends",
    {
        "from": Annotated[datetime | None, Field(description="As requested (UTC); null: from the first event.")],
        "to": Annotated[datetime | None, Field(description="As requested (UTC); null: up to the last event.")],
    },
)
_PreviousEnds = TypedDict("_PreviousEnds", {"from": datetime, "to": datetime})


class Matching(TypedDict):
    """Which events were compared with the conditions of `where`."""

    partial: Annotated[
        bool,
        Field(description="Whether only the newest 1,000,000 or fewer events of the range, or of `previous`, were."),
    ]
    counted_from: Annotated[
        datetime | None, Field(description="The start of the counted events; null: from the first event.")
    ]


class Previous(_PreviousEnds):
    """The previous period (UTC)."""

    totals: Totals
    by_type: Annotated[
        list[TypeTotals],
        Field(
            description="Sorted by event type. If there are more than `type_limit`, those that the range names come "
            "first."
        ),
    ]
    other_types: Annotated[OtherTotals | None, Field(description="All other types together; null: `by_type` has all.")]


class StatsAsOf(AsOf):
    """The position of the log that the answer is exact for, in the built-in read model."""

    late_pending: Annotated[
        int,
        Field(description="Late events that ranges and series do not include yet (TimescaleDB refreshes them)."),
    ]
    stale: Annotated[
        bool,
        Field(
            description="True after an upgrade, while the new read model is built: the answer comes from the old one, "
            "which stays at `cursor`."
        ),
    ]


EXAMPLE: Any = {
    "from": "2026-03-29T00:00:00Z",
    "to": "2026-03-30T00:00:00Z",
    "bucket": "day",
    "buckets": ["2026-03-29T00:00:00Z"],
    "tz": "UTC",
    "totals": {"events": 3, "users": 2},
    "by_type": [
        {"event_type": "page_view", "events": 2, "users": 2},
    ],
    "series": [
        {"bucket": "2026-03-29T00:00:00Z", "event_type": "page_view", "events": 2, "users": 2},
    ],
    "other_types": {
        "types": 1,
        "events": 1,
        "users": 1,
        "series": [{"bucket": "2026-03-29T00:00:00Z", "events": 1, "users": 1}],
    },
    "users_per_bucket": [2],
    "users_per_type": True,
    "top": {
        "property": "event_data.path",
        "source": "events",
        "event_types": ["page_view"],
        "partial": False,
        "counted_from": "2026-03-29T00:00:00Z",
        "values": [{"value": "/home", "events": 2, "users": 2}],
        "other": 0,
        "missing": 0,
    },
    "matching": {"partial": False, "counted_from": "2026-03-29T00:00:00Z"},
    "previous": {
        "from": "2026-03-28T00:00:00Z",
        "to": "2026-03-29T00:00:00Z",
        "totals": {"events": 2, "users": 1},
        "by_type": [{"event_type": "page_view", "events": 1, "users": 1}],
        "other_types": {"types": 1, "events": 1, "users": 1},
    },
    "as_of": {
        "cursor": "0a1b2c3d4e5f:4:89abcdef01234567",
        "revision": 0,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "late_pending": 0,
        "stale": False,
    },
}
"""The answer to a question with ``users=series``, ``type_limit=1``, ``top``, ``where`` and ``compare``, and a day."""


@with_config(ConfigDict(json_schema_extra={"examples": [EXAMPLE]}))
class Stats(_Ends):
    """An answer of `GET /stats`, all of it from one state of the read model."""

    bucket: Annotated[Bucket, Field(description="As requested, or chosen by `auto`.")]
    buckets: Annotated[
        list[BucketBegin],
        Field(
            description="Every bucket of the range in order, including empty ones, as in `series`: a chart needs no "
            "time zone rules. An open range ends with its last event; [] if it has no events."
        ),
    ]
    tz: Annotated[str, Field(description="As requested.")]
    totals: Totals
    by_type: Annotated[
        list[TypeTotals],
        Field(description="The most frequent types, at most `type_limit`. Sorted by event type."),
    ]
    series: Annotated[
        list[SeriesPoint], Field(description="The same types as in `by_type`. Sorted by bucket, then by event type.")
    ]
    other_types: Annotated[
        OtherTypes | None,
        Field(
            description="All other types together; null: `by_type` has all. With it, `by_type` and `series` each add "
            "up to `totals.events`."
        ),
    ]
    users_per_bucket: Annotated[
        list[int] | None,
        Field(
            description="Distinct users of each of `buckets`, all requested types together; null without "
            "`users=series`. A user counts once in each bucket."
        ),
    ]
    users_per_type: Annotated[
        bool,
        Field(
            description="Whether users are counted for each event type too. False with `users=false`, and if a range "
            f"has more than {MAX_TYPES:,} event types."
        ),
    ]
    top: Annotated[Top | None, Field(description="Null without `top`.")]
    matching: Annotated[Matching | None, Field(description="Null without `where`.")]
    previous: Annotated[Previous | None, Field(description="Null without `compare`.")]
    as_of: StatsAsOf

"""The shape of ``GET /stats``: parameters and answer, as they are checked and as OpenAPI shows them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import BadCursorError
from tailrace.contracts.events import MAX_EVENT_TYPE
from tailrace.query.stats.ranges import Bucket

MAX_TYPES = 100
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:([Zz])|([ +-])(\d\d:\d\d))")


def _moment(text: object) -> object:
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z")
    local, utc, sign, offset = match.groups()
    # a + that isn't written %2B in a URL arrives as a space
    moment = datetime.fromisoformat(local.upper() + ("+00:00" if utc else f"{'-' if sign == '-' else '+'}{offset}"))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters are allowed")
    return text


def _cursor(text: str) -> str:
    try:
        return str(Cursor.parse(text))
    except BadCursorError as error:
        raise ValueError(str(error)) from None


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
EventType = Annotated[str, Field(min_length=1, max_length=MAX_EVENT_TYPE), AfterValidator(_printable)]
CursorText = Annotated[str, AfterValidator(_cursor)]


class StatsQuestion(BaseModel):
    """What ``GET /stats`` is asked."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Moment | None = Field(
        None,
        alias="from",
        description="Counts what happened at this time or later; without it, from the first event on.",
        examples=["2026-03-01T00:00:00Z"],
    )
    end: Moment | None = Field(
        None,
        alias="to",
        description="Counts what happened before this time; without it, up to the last event.",
        examples=["2026-03-02T00:00:00Z"],
    )
    bucket: Literal[Bucket, "auto"] = Field(
        "auto", description="The series' buckets (UTC). `auto` takes the finest that needs at most 500."
    )
    event_type: list[EventType] = Field(
        [], max_length=MAX_TYPES, description="Counts these types alone; may be given several times."
    )
    min_cursor: CursorText | None = Field(
        None,
        description="Waits (up to 5 s) until the answer includes this position: read-your-writes with the cursor that "
        "`POST /events` answered.",
    )
    settled: bool = Field(
        False, description="Waits (up to 5 s) until no late events are pending: `as_of.late_pending` is 0 then."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("'to' has to be later than 'from'")
        return self


class Totals(BaseModel):
    """Everything that was asked for, together."""

    events: int = Field(description="Events; each event_id counts once.")
    users: int = Field(description="Distinct users.")


class TypeTotals(BaseModel):
    """One event type. A user counts for each type they have events of."""

    event_type: str
    events: int
    users: int


class SeriesPoint(BaseModel):
    """Events of one type in one bucket; where there are none, there is no point."""

    bucket: datetime = Field(description="When the bucket begins (UTC); at a range's edge it may reach outside.")
    event_type: str
    events: int


class AsOf(BaseModel):
    """The state of the log that the answer is exact for."""

    cursor: str | None = Field(description="The position counted up to; null before anything was projected.")
    revision: int = Field(description="Counts corrections to what had been projected before.")
    lag_events: int | None = Field(description="Log entries not counted yet; null while the log does not answer.")
    lag_seconds: float | None = Field(description="How long the oldest of them has been in the log; null likewise.")
    late_pending: int = Field(
        description="Late events that ranges and series don't have yet (TimescaleDB refreshes its aggregates)."
    )


class Stats(BaseModel):
    """What ``GET /stats`` answers, all of it of one state of the read model."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "2026-03-01T00:00:00Z",
                    "to": "2026-03-02T00:00:00Z",
                    "bucket": "hour",
                    "totals": {"events": 3, "users": 2},
                    "by_type": [
                        {"event_type": "click", "events": 1, "users": 1},
                        {"event_type": "page_view", "events": 2, "users": 2},
                    ],
                    "series": [
                        {"bucket": "2026-03-01T12:00:00Z", "event_type": "click", "events": 1},
                        {"bucket": "2026-03-01T12:00:00Z", "event_type": "page_view", "events": 2},
                    ],
                    "as_of": {
                        "cursor": "0a1b2c3d4e5f:3:89abcdef01234567",
                        "revision": 0,
                        "lag_events": 0,
                        "lag_seconds": 0.0,
                        "late_pending": 0,
                    },
                }
            ]
        },
    )

    start: datetime | None = Field(alias="from", description="As asked (UTC); null: from the first event on.")
    end: datetime | None = Field(alias="to", description="As asked (UTC); null: up to the last event.")
    bucket: Bucket
    totals: Totals
    by_type: list[TypeTotals] = Field(description="Sorted by event type.")
    series: list[SeriesPoint] = Field(description="Sorted by bucket, then by event type.")
    as_of: AsOf

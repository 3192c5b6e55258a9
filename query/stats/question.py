"""The parameters of ``GET /stats``."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contracts.patterns import TypePattern
from query.buckets import range_before
from query.errors import BadParameterError
from query.parameters import Bucket, CursorText, EventTypeFilter, Range, Timestamp, parse_timestamp
from query.where import PropertyFilter, check_property
from query.zones import check_zone, read_zone


class NoLongerKeptError(BadParameterError):
    """Retention dropped the single events of that time: request whole hours, or a later time."""


class StatsQuestion(BaseModel):
    """A request to ``GET /stats``. All relative times count back from the same second, that of the request."""

    model_config = ConfigDict(extra="forbid")

    start: Timestamp | None = Field(
        None,
        alias="from",
        description="Only events at this time or later: RFC 3339, or a relative time (`-30s`, `-5m`, `-24h`, `-7d`). "
        "Default: from the first event.",
        examples=["2026-03-01T00:00:00Z", "-24h"],
    )
    end: Timestamp | None = Field(
        None,
        alias="to",
        description="Only events before this time, in the same formats. Default: up to the last event.",
        examples=["2026-03-02T00:00:00Z", "-1h"],
    )
    bucket: Literal[Bucket, "auto"] = Field(
        "auto",
        description="Buckets of the series, in the local time of `tz`; weeks start on Monday. `auto` chooses the "
        "shortest of which at most 500 are needed.",
    )
    tz: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC",
        description="An IANA time zone. Days, weeks and months are local: a day has 23 or 25 hours when clocks change. "
        "Hours start when the local clock shows a full hour.",
        examples=["Europe/Berlin"],
    )
    event_type: EventTypeFilter = Field([], examples=[["page_view", "checkout.*"]])
    type_limit: int = Field(
        100,
        ge=1,
        le=1_000,
        description="Maximum number of event types in `by_type` and `series`, most frequent first. `other_types` "
        "counts the others together.",
    )
    where: PropertyFilter = Field([], examples=[["event_data.country:DE"]])
    users: bool | Literal["series"] = Field(
        True,
        description="`false`: unique users are not counted, and every `users` is null. `series`: they are also counted "
        "for each bucket of the series.",
    )
    top: Annotated[str, AfterValidator(check_property)] | None = Field(
        None,
        description="Counts events and users by the values of a property: `event_data.` and its name, with dots into "
        "nested objects and an index (from 0) into arrays. A name that contains a dot is not supported. Counts the "
        "newest 1,000,000 events of the range; `top.partial` says if it has more. `event_data.path` is counted, with "
        "visitors, by the built-in projection `pages` if the range is of whole UTC days: without `event_type` only of "
        "`page_view` and `http_request`, if there are such events.",
        examples=["event_data.path"],
    )
    top_limit: int = Field(10, ge=1, le=100, description="Maximum number of values, most frequent first.")
    compare: Literal["previous"] | None = Field(
        None,
        description="`previous`: also counts the previous period of the same length, or of as many local days if the "
        "range is whole local days. Requires `from`; without `to` the range ends now.",
    )
    format: Literal["json", "csv"] = Field(
        "json",
        description="`csv`: the values of `top`, or the series without `top`. `Accept: text/csv` does the same.",
    )
    min_cursor: CursorText | None = Field(
        None,
        description="Waits up to 5 s until the answer includes this position: read-your-writes with the cursor that "
        "`POST /events` returned.",
    )
    settled: bool = Field(
        False,
        description="Waits up to 5 s until every count includes all events that are projected now. "
        "`as_of.late_pending` counts only events that arrived late meanwhile.",
    )

    @model_validator(mode="before")
    @classmethod
    def _resolve_relative_times(cls, asked: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).replace(microsecond=0)
        ends = {name: _resolved(asked[name], now) for name in ("from", "to") if name in asked}
        if asked.get("compare") is not None:
            ends.setdefault("to", now.isoformat())
        return asked | ends

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("'to' must be later than 'from'")
        if self.compare is not None and self.start is None:
            raise ValueError("'compare' requires 'from': nothing precedes the first event")
        try:
            self.previous()
        except OverflowError:
            raise ValueError("'compare': the previous period is out of range") from None
        return self

    @property
    def zone(self) -> tzinfo:
        """The zone of ``tz``."""
        return read_zone(self.tz)

    @property
    def patterns(self) -> list[TypePattern]:
        """The requested event types; [] selects all."""
        return [TypePattern(text) for text in self.event_type]

    def previous(self) -> Range | None:
        """Returns the period to compare with, or None."""
        if self.compare is None or self.start is None or self.end is None:
            return None
        return range_before(Range(self.start, self.end), self.zone)


def _resolved(text: object, now: datetime) -> object:
    try:
        return parse_timestamp(text, now).isoformat()
    except ValueError:
        return text  # validation reports the error

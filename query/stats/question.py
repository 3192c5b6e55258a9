"""The parameters of ``GET /stats``, as they are checked and as OpenAPI shows them."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts.cursors import Cursor
from contracts.errors import BadCursorError
from contracts.events import MAX_DEPTH, MAX_EVENT_TYPE
from contracts.patterns import BadPatternError, TypePattern
from query.moments import parse_moment
from query.stats.compare import range_before
from query.stats.ranges import Bucket, Range
from query.stats.zones import read_zone

MAX_TYPES = 100
MAX_PROPERTY = 512
"""Characters of a property's path."""


def _pattern(text: str) -> str:
    try:
        return TypePattern.parse(text).text
    except BadPatternError as error:
        raise ValueError(str(error)) from None


def _cursor(text: str) -> str:
    try:
        return str(Cursor.parse(text))
    except BadCursorError as error:
        raise ValueError(str(error)) from None


def _zone(name: str) -> str:
    read_zone(name)
    return name


def _property(text: str) -> str:
    root, *keys = text.split(".")
    if root != "event_data" or not keys or not all(keys) or len(keys) > MAX_DEPTH or "\0" in text:
        raise ValueError("expected a property of event_data, such as event_data.path or event_data.cart.total")
    return text


Moment = Annotated[AwareDatetime, BeforeValidator(parse_moment)]
EventType = Annotated[str, Field(min_length=1, max_length=MAX_EVENT_TYPE), AfterValidator(_pattern)]
CursorText = Annotated[str, AfterValidator(_cursor)]


class StatsQuestion(BaseModel):
    """What ``GET /stats`` is asked. What is relative is so to one moment: the second it is asked in."""

    model_config = ConfigDict(extra="forbid")

    start: Moment | None = Field(
        None,
        alias="from",
        description="Counts what happened at this time or later: RFC 3339, or so long ago (`-30s`, `-5m`, `-24h`, "
        "`-7d`). Without it, from the first event on.",
        examples=["2026-03-01T00:00:00Z", "-24h"],
    )
    end: Moment | None = Field(
        None,
        alias="to",
        description="Counts what happened before this time, written likewise. Without it, up to the last event.",
        examples=["2026-03-02T00:00:00Z", "-1h"],
    )
    bucket: Literal[Bucket, "auto"] = Field(
        "auto",
        description="The series' buckets, by the clocks of `tz`; a week begins on Monday. `auto` takes the finest that "
        "needs at most 500.",
    )
    tz: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC",
        description="An IANA time zone. Days, weeks and months are local ones, with 23 or 25 hours too where clocks "
        "are changed; hours begin when the local clock shows a full one.",
        examples=["Europe/Berlin"],
    )
    event_type: list[EventType] = Field(
        [],
        max_length=MAX_TYPES,
        description="Counts these types alone; may be given several times. Dots separate tokens; `*` stands for one "
        "token, `>` at the end for one or more: `checkout.*`.",
        examples=[["page_view", "checkout.*"]],
    )
    users: bool = Field(
        True,
        description="`false`: no unique users are counted, and every `users` is null. In a range, counting them is "
        "what takes longest.",
    )
    top: Annotated[str, Field(max_length=MAX_PROPERTY), AfterValidator(_property)] | None = Field(
        None,
        description="Counts the values of a property of the events: `event_data.` and its name, with dots into nested "
        "objects and a number (from 0) into arrays. A name that has a dot itself can't be asked for. Every event of "
        "the range is read: hours and days are quick, everything may take too long.",
        examples=["event_data.path"],
    )
    top_limit: int = Field(10, ge=1, le=100, description="At most so many values, the most frequent ones.")
    compare: Literal["previous"] | None = Field(
        None,
        description="`previous`: also counts the period before, which is as long as the range; as many local days "
        "where the range is whole local days. Needs `from`; without `to` the range ends now.",
    )
    min_cursor: CursorText | None = Field(
        None,
        description="Waits (up to 5 s) until the answer includes this position: read-your-writes with the cursor that "
        "`POST /events` answered.",
    )
    settled: bool = Field(
        False,
        description="Waits (up to 5 s) until every event that is projected now is in every count. "
        "`as_of.late_pending` is 0 then, or tells what has come late meanwhile.",
    )

    @model_validator(mode="before")
    @classmethod
    def _at_one_moment(cls, asked: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).replace(microsecond=0)
        ends = {name: _resolved(asked[name], now) for name in ("from", "to") if name in asked}
        if asked.get("compare") is not None:
            ends.setdefault("to", now.isoformat())
        return asked | ends

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("'to' has to be later than 'from'")
        if self.compare is not None and self.start is None:
            raise ValueError("'compare' needs 'from': before the first event there is nothing")
        try:
            self.previous()
        except OverflowError:
            raise ValueError("'compare': the period before is out of range") from None
        return self

    @property
    def zone(self) -> tzinfo:
        """The clocks of ``tz``."""
        return read_zone(self.tz)

    @property
    def patterns(self) -> list[TypePattern]:
        """Which event types are counted; []: all."""
        return [TypePattern(text) for text in self.event_type]

    def previous(self) -> Range | None:
        """The period to compare with, where there is one."""
        if self.compare is None or self.start is None or self.end is None:
            return None
        return range_before(Range(self.start, self.end), self.zone)


def _resolved(text: object, now: datetime) -> object:
    try:
        return parse_moment(text, now).isoformat()
    except ValueError:
        return text  # whoever validates it says what is wrong

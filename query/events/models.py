"""The shapes of ``/events``: parameters and answers, as they are checked and as OpenAPI shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from query.events.paging import BadTokenError, Place
from query.live.requests import Types, User
from query.moments import parse_moment
from query.stats.ranges import closed_range

LIMIT = 50
MAX_LIMIT = 500


def _token(text: str) -> str:
    try:
        return Place.parse(text).token
    except BadTokenError as error:
        raise ValueError(str(error)) from None


Moment = Annotated[AwareDatetime, BeforeValidator(parse_moment)]
Token = Annotated[str, AfterValidator(_token)]


class EventsQuestion(BaseModel):
    """What ``GET /events`` is asked."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    event_type: Types = Field([], examples=[["checkout.*"]])
    user_id: User = None
    start: Moment | None = Field(
        None,
        alias="from",
        description="What happened (`created_at`) at this time or later: RFC 3339, or so long ago, such as `-24h` "
        "(s, m, h, d).",
        examples=["-24h"],
    )
    end: Moment | None = Field(
        None, alias="to", description="What happened before this time.", examples=["2026-03-02T00:00:00Z"]
    )
    limit: int = Field(LIMIT, ge=1, le=MAX_LIMIT, description="At most so many events.")
    before: Token | None = Field(
        None,
        description="The `next` of the page before: goes on behind it. It is a place in time, so that the other "
        "parameters may change.",
        examples=["AAZLtU5lgAAAAAAAAAAAAw"],
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("'to' has to be later than 'from'")
        return self

    @property
    def first(self) -> datetime:
        """From when on events are wanted."""
        return closed_range(self.start, self.end).start

    @property
    def place(self) -> Place:
        """The place that they are behind."""
        end = Place(closed_range(self.start, self.end).end, 0)
        return min(end, Place.parse(self.before)) if self.before else end


_CURSOR = "0a1b2c3d4e5f:3:89abcdef01234567"
_EVENT_ID = "01998f3c-7c00-7000-8000-000000000001"
_EVENT: dict[str, Any] = {
    "cursor": _CURSOR,
    "event_id": _EVENT_ID,
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2026-03-01T12:00:00Z",
    "event_data": {"path": "/home"},
}


class ShownEvent(BaseModel):
    """An event as `/ws` sends it, in the current shape of its type."""

    cursor: str = Field(
        description="Its place in the log: `/ws?from=<cursor>` sends what was logged after it. Its last part is "
        "`00000000` where the log has not given the entry."
    )
    event_id: UUID
    event_type: str
    user_id: int = Field(description="A signed 64-bit integer: digits beyond 2^53 matter.")
    created_at: datetime = Field(description="When it happened, as its sender says (UTC).")
    event_data: dict[str, Any]


class ModelState(BaseModel):
    """The state of the read model that the answer is from."""

    cursor: str | None = Field(description="Up to where the log is in it; null before anything was projected.")
    revision: int = Field(description="Counts corrections to what had been projected before.")


class ListState(ModelState):
    """The state of the read model that the page is from."""

    kept_from: datetime | None = Field(
        description="Single events are kept from this time on, older ones were dropped (retention); null: all are kept."
    )


class EventsPage(BaseModel):
    """What ``GET /events`` answers, all of it of one state of the read model."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [_EVENT],
                    "next": "AAZL9OFqoAAAAAAAAAAAAw",
                    "as_of": {"cursor": _CURSOR, "revision": 0, "kept_from": "2026-02-01T00:00:00Z"},
                }
            ]
        }
    )

    events: list[ShownEvent] = Field(description="Sorted by `created_at`, then by the log's order, the newest first.")
    next: str | None = Field(description="What to ask for with `before` to get the next page; null: this is the last.")
    as_of: ListState


class LoggedAt(BaseModel):
    """The entry of the log that counts for the event: the first one with its id."""

    cursor: str = Field(description="As in the events of `/events`.")
    logged_at: datetime | None = Field(description="When the log took it (UTC); null while the log does not answer.")


class ParkedAs(BaseModel):
    """Why an entry can't be projected."""

    code: str = Field(description="A stable word for machines.")
    reason: str = Field(description="A sentence for people.")
    parked_at: datetime


class TraceState(ModelState):
    """The state of the read model, and how far it is behind the log."""

    lag_events: int | None = Field(description="Log entries not projected yet; null while the log does not answer.")
    lag_seconds: float | None = Field(description="How long the oldest of them has been in the log; null likewise.")


class TracedEvent(BaseModel):
    """What ``GET /events/{event_id}`` answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": _EVENT_ID,
                    "state": "projected",
                    "log": {"cursor": _CURSOR, "logged_at": "2026-03-01T12:00:00.25Z"},
                    "event": _EVENT,
                    "parked": None,
                    "as_of": {
                        "cursor": "0a1b2c3d4e5f:7:0123456789abcdef",
                        "revision": 0,
                        "lag_events": 0,
                        "lag_seconds": 0.0,
                    },
                }
            ]
        }
    )

    event_id: UUID
    state: Literal["logged", "projected", "parked", "expired"] = Field(
        description="`logged`: in the log and not projected yet; `projected`: counted and shown; `parked`: it can't be "
        "projected; `expired`: counted, but the event itself was dropped since (retention)."
    )
    log: LoggedAt | None = Field(description="Null: its entry is gone from the log.")
    event: ShownEvent | None = Field(description="Where it is projected.")
    parked: ParkedAs | None = Field(description="Where it is parked.")
    as_of: TraceState

"""The shapes of ``/events``: parameters and answers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from query.as_of import ModelAsOf
from query.events.page_token import BadTokenError, PageStart
from query.parameters import USER, EventTypeFilter, Timestamp, UserFilter, closed_range

LIMIT = 50
MAX_LIMIT = 500


def _check_token(text: str) -> str:
    try:
        return PageStart.parse(text).token
    except BadTokenError as error:
        raise ValueError(str(error)) from None


PageToken = Annotated[str, AfterValidator(_check_token)]


class EventsQuestion(BaseModel):
    """A request to ``GET /events``."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    event_type: EventTypeFilter = Field([], examples=[["checkout.*"]])
    user_id: UserFilter = None
    start: Timestamp | None = Field(
        None,
        alias="from",
        description="Only events with `created_at` at this time or later: RFC 3339, or a relative time such as `-24h` "
        "(s, m, h, d).",
        examples=["-24h"],
    )
    end: Timestamp | None = Field(
        None, alias="to", description="Only events before this time.", examples=["2026-03-02T00:00:00Z"]
    )
    limit: int = Field(LIMIT, ge=1, le=MAX_LIMIT, description="Maximum number of events.")
    before: PageToken | None = Field(
        None,
        description="The `next` of the previous page: continues after it. It is a position in time, so the other "
        "parameters may change.",
        examples=["AAZLtU5lgAAAAAAAAAAAAw"],
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("'to' must be later than 'from'")
        return self

    @property
    def first(self) -> datetime:
        """The start of the requested range."""
        return closed_range(self.start, self.end).start

    @property
    def page_start(self) -> PageStart:
        """The position where the page starts."""
        end = PageStart(closed_range(self.start, self.end).end, 0)
        return min(end, PageStart.parse(self.before)) if self.before else end


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
        description="Its position in the log: `/ws?from=<cursor>` sends later entries. Ends with `00000000` if the "
        "log did not return the entry."
    )
    event_id: UUID
    event_type: str
    user_id: int | str | None = Field(description=USER)
    created_at: datetime = Field(description="When it happened, according to its sender (UTC).")
    event_data: dict[str, Any]


class ListState(BaseModel):
    """The state of the read model that the page comes from."""

    cursor: str | None = Field(description="Its position in the log; null before the first projection.")
    revision: int = Field(description="Counts corrections of earlier projected events.")
    stale: bool = Field(description="As in `/stats`.")
    kept_from: datetime | None = Field(
        description="Retention dropped all events before this time; null: none was dropped."
    )


class EventsPage(BaseModel):
    """An answer of `GET /events`, all of it from one state of the read model."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [_EVENT],
                    "next": "AAZL9OFqoAAAAAAAAAAAAw",
                    "as_of": {"cursor": _CURSOR, "revision": 0, "stale": False, "kept_from": "2026-02-01T00:00:00Z"},
                }
            ]
        }
    )

    events: list[ShownEvent] = Field(description="Sorted by `created_at`, then by the order of the log, newest first.")
    next: str | None = Field(description="The value of `before` for the next page; null: this is the last page.")
    as_of: ListState


class LoggedAt(BaseModel):
    """The log entry that counts for the event: the first one with its id."""

    cursor: str = Field(description="As in `/events`.")
    logged_at: datetime | None = Field(description="When it was appended (UTC); null while the log does not answer.")


class ParkedEntry(BaseModel):
    """Why an entry cannot be projected."""

    code: str = Field(description="A stable code.")
    reason: str = Field(description="A sentence.")
    parked_at: datetime


class FoundEvent(BaseModel):
    """An answer of `GET /events/{event_id}`."""

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
                        "stale": False,
                        "lag_events": 0,
                        "lag_seconds": 0.0,
                    },
                }
            ]
        }
    )

    event_id: UUID
    state: Literal["logged", "projected", "parked", "expired"] = Field(
        description="`logged`: in the log, not projected yet; `projected`: counted and shown; `parked`: cannot be "
        "projected; `expired`: counted, but retention dropped the event."
    )
    log: LoggedAt | None = Field(description="Null: its entry is gone from the log.")
    event: ShownEvent | None = Field(description="Only in the state `projected`.")
    parked: ParkedEntry | None = Field(description="Only in the state `parked`.")
    as_of: ModelAsOf

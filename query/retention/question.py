"""The parameters of ``GET /retention``."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contracts.patterns import TypePattern
from query.parameters import CursorText, EventTypeFilter, Timestamp
from query.zones import check_zone, read_zone


class RetentionQuestion(BaseModel):
    """A request to ``GET /retention``."""

    model_config = ConfigDict(extra="forbid")

    cohort: EventTypeFilter = Field(
        min_length=1,
        description="The event types that put a user into a cohort: that of the bucket of the user's first such event "
        "in the range. May be given several times, with wildcards.",
        examples=[["sign_up"]],
    )
    returning: EventTypeFilter = Field(
        [],
        description="The event types by which a user returns. Default: any.",
        examples=[["page_view"]],
    )
    bucket: Literal["day", "week", "month"] = Field("week", description="In the local time of `tz`.")
    start: Timestamp | None = Field(
        None,
        alias="from",
        description="The range extends to whole buckets. Default: the 12 buckets up to `to`.",
        examples=["2026-03-01T00:00:00Z", "-90d"],
    )
    end: Timestamp = Field(
        default_factory=lambda: datetime.now(UTC), alias="to", description="Default: now.", examples=["-1d"]
    )
    tz: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC", description="An IANA time zone.", examples=["Europe/Berlin"]
    )
    min_cursor: CursorText | None = Field(
        None, description="Waits up to 5 s until the answer includes this position: read-your-writes."
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.start is not None and self.start >= self.end:
            raise ValueError("'to' must be later than 'from'")
        return self

    @property
    def zone(self) -> tzinfo:
        """The zone of ``tz``."""
        return read_zone(self.tz)

    @property
    def cohort_patterns(self) -> list[TypePattern]:
        """The event types of cohorts."""
        return [TypePattern(text) for text in self.cohort]

    @property
    def returning_patterns(self) -> list[TypePattern]:
        """The event types of returns; [] selects all."""
        return [TypePattern(text) for text in self.returning]

"""The parameters of ``GET /projections/{name}``."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from query.parameters import Bucket, CursorText, parse_timestamp

LIMIT = 100
MAX_LIMIT = 10_000


def _check_time(text: str) -> str:
    parse_timestamp(text)
    return text


TimeText = Annotated[str, AfterValidator(_check_time)]


class RowsQuestion(BaseModel):
    """A request to ``GET /projections/{name}``; further parameters are columns of a ``Fold`` or ``Sql``."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    start: TimeText | None = Field(
        None,
        alias="from",
        description="Of a `Rollup`: only events at this time or later: RFC 3339 at the start of a bucket (UTC), or a "
        "relative time such as `-24h` (s, m, h, d), which is moved back to one.",
        examples=["2026-03-01T00:00:00Z", "-7d"],
    )
    end: TimeText | None = Field(
        None,
        alias="to",
        description="Of a `Rollup`: only events before this time, in the same formats.",
        examples=["2026-03-02T00:00:00Z"],
    )
    bucket: Bucket | None = Field(
        None,
        description="Of a `Rollup`: rows per bucket (UTC, weeks start on Monday), at least as long as the shortest "
        "that it keeps. Without it the rows are totals of the range.",
    )
    by: list[str] | None = Field(
        None,
        max_length=8,
        description="Of a `Rollup`: a dimension to keep; may be given several times. Default: all; empty: none.",
        examples=[["country"]],
    )
    where: list[str] = Field(
        [],
        max_length=100,
        description="Of a `Rollup`: only events with this value of a dimension: `country:DE`; `country:` is the empty "
        "text, `country` is null. Values of the same dimension are alternatives.",
        examples=[["country:DE"]],
    )
    order: list[str] = Field(
        [],
        max_length=8,
        description="Columns to sort by, the most important first; `-` before a name: largest first. Null comes last.",
        examples=[["-cents"]],
    )
    limit: int = Field(LIMIT, ge=1, le=MAX_LIMIT, description="Maximum number of rows; `more` says if there are more.")
    min_cursor: CursorText | None = Field(
        None,
        description="Waits up to 5 s until the projection includes this position: read-your-writes with the cursor "
        "that `POST /events` returned.",
    )


PARAMETERS = {field.alias or name for name, field in RowsQuestion.model_fields.items()}

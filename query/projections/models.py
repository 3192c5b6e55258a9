"""The shapes of the answers of ``/projections``. Answers are plain dicts; OpenAPI shows these types."""

from typing import (
    Annotated,
    Any,  # pydantic needs this one below Python 3.12
    Literal,
)

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from query.as_of import AsOf, LagEvents, LagSeconds, Position

_ROWS_EXAMPLE: Any = {
    "name": "revenue",
    "version": 1,
    "rows": [{"bucket": "2026-11-20T00:00:00Z", "country": "DE", "orders": 2, "cents": 1250, "buyers": 2}],
    "more": False,
    "limit_reached": False,
    "as_of": {"cursor": "0a1b2c3d4e5f:4:89abcdef01234567", "revision": 0, "lag_events": 0, "lag_seconds": 0.0},
}


@with_config(ConfigDict(json_schema_extra={"examples": [_ROWS_EXAMPLE]}))
class Rows(TypedDict):
    """An answer of `GET /projections/{name}`, all of it from one state of the projection."""

    name: str
    version: Annotated[int, Field(description="The live version.")]
    rows: Annotated[
        list[dict[str, Any]],
        Field(
            description="Of a `Rollup`: `bucket` if requested, the dimensions as text or null, and the measures; a "
            "number of distinct users is null where shorter buckets were needed than keep users. Events beyond the "
            "limit of a day are in rows with `other: true`. Of a `Fold` or `Sql`: its columns."
        ),
    ]
    more: Annotated[bool, Field(description="Whether there are more rows than `limit`.")]
    limit_reached: Annotated[
        bool,
        Field(
            description="Of a `Rollup`: whether some events of the range are counted as `other`, so that rows of "
            "single values may lack them."
        ),
    ]
    as_of: AsOf


_LIST_EXAMPLE: Any = {
    "projections": [
        {
            "name": "revenue",
            "kind": "rollup",
            "version": 1,
            "state": "live",
            "error": None,
            "cursor": "0a1b2c3d4e5f:4:89abcdef01234567",
            "lag_events": 0,
            "lag_seconds": 0.0,
            "dimensions": ["country"],
            "measures": ["orders", "cents", "buyers"],
            "buckets": ["hour", "day"],
            "columns": [],
        }
    ]
}


State = Literal["live", "building", "ready", "failed", "orphaned", "dropping"]


class Listed(TypedDict):
    """A version of a projection that the database has; `pages` is built in."""

    name: str
    kind: Literal["rollup", "fold", "sql"]
    version: int
    state: Annotated[
        State,
        Field(
            description="`ready`: built and not shown; `failed`: it stopped, see `error`; `orphaned`: its class is no "
            "longer declared, and it no longer changes."
        ),
    ]
    error: Annotated[str | None, Field(description="Why it stopped.")]
    cursor: Position
    lag_events: LagEvents
    lag_seconds: LagSeconds
    dimensions: Annotated[list[str], Field(description="Of a `Rollup`.")]
    measures: Annotated[list[str], Field(description="Of a `Rollup`.")]
    buckets: Annotated[list[str], Field(description="Of a `Rollup`: the buckets that it keeps.")]
    columns: Annotated[list[str], Field(description="Of a `Fold`: key and columns.")]


@with_config(ConfigDict(json_schema_extra={"examples": [_LIST_EXAMPLE]}))
class Projections(TypedDict):
    """An answer of `GET /projections`."""

    projections: Annotated[list[Listed], Field(description="Sorted by name and version.")]

"""Which properties events have: the choices for ``top`` and ``where``."""

from typing import Annotated

import asyncpg
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from contracts.patterns import TypePattern
from query.database import snapshot
from query.parameters import EventTypeFilter, Timestamp, closed_range
from query.stats.top import limited_time, newest_events
from query.where import PropertyFilter, parse_where

SAMPLE = 5_000
"""Events that are looked at."""
MAX_PROPERTIES = 200


class PropertiesQuestion(BaseModel):
    """A request to ``GET /stats/properties``."""

    model_config = ConfigDict(extra="forbid")

    start: Timestamp | None = Field(None, alias="from", description="As in `/stats`.", examples=["-24h"])
    end: Timestamp | None = Field(None, alias="to", description="As in `/stats`.")
    event_type: EventTypeFilter = Field([], examples=[["page_view"]])
    where: PropertyFilter = []


class Property(TypedDict):
    """A property in the sample; events where it is null, an object or an array do not count."""

    name: Annotated[str, Field(description="As `top` and `where` take it.", examples=["event_data.path"])]
    events: Annotated[int, Field(description="Events of the sample that have it.")]
    values: Annotated[int, Field(description="Distinct values in the sample.")]


class Properties(TypedDict):
    """An answer of `GET /stats/properties`."""

    properties: Annotated[
        list[Property], Field(description=f"Most frequent first, at most {MAX_PROPERTIES}; then by name.")
    ]
    sampled: Annotated[
        int, Field(description=f"Events that were looked at: the newest {SAMPLE:,} of the range, or all of them.")
    ]
    partial: Annotated[bool, Field(description="Whether the range may have more events.")]


async def list_properties(pool: "asyncpg.Pool", question: PropertiesQuestion, timeout: float) -> Properties:
    """Returns the properties of the newest events of a range.

    Raises:
        DatabaseUnavailableError, QueryTimeoutError: the database does not answer in time.
    """
    async with snapshot(pool, timeout) as ask:
        await ask.position()
        types = await ask.event_types([TypePattern(text) for text in question.event_type])
        whole = closed_range(question.start, question.end)
        counted, partial = await newest_events(ask, whole)
        async with limited_time("properties"):
            where = parse_where(question.where)
            rows = await ask.rows_where("properties", where, *counted, types, SAMPLE, MAX_PROPERTIES)
    return {
        "properties": [
            {"name": row["name"], "events": row["events"], "values": row["values"]}
            for row in rows
            if row["name"] is not None
        ],
        "sampled": rows[0]["sampled"],
        "partial": partial or rows[0]["sampled"] >= SAMPLE,
    }

"""``as_of``: the position of the log that an answer is exact for."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from contracts.cursors import Cursor
from migrations.pipeline import Lag

LagEvents = Annotated[
    int | None, Field(description="Log entries that are not projected yet; null while the log does not answer.")
]
LagSeconds = Annotated[
    float | None, Field(description="Age of the oldest of them in the log; null while the log does not answer.")
]
Position = Annotated[str | None, Field(description="The position in the log; null before the first projection.")]


class AsOf(TypedDict):
    """The position of the log that the answer is exact for."""

    cursor: Position
    revision: Annotated[int, Field(description="Counts corrections of earlier projected events.")]
    lag_events: LagEvents
    lag_seconds: LagSeconds


class ModelAsOf(AsOf):
    """The position of the log that the answer is exact for, in the built-in read model."""

    stale: Annotated[bool, Field(description="As in `/stats`.")]


def cursor_of(position: Any) -> Cursor:
    """Returns the cursor of a row with ``epoch``, ``seq`` and ``fingerprint``."""
    return Cursor(position["epoch"], position["seq"], position["fingerprint"])


def as_of(position: Any, lag: Lag) -> AsOf:
    """Returns the members that all answers have, of a row that also has ``revision``."""
    cursor = str(cursor_of(position)) if position["epoch"] else None
    return AsOf(cursor=cursor, revision=position["revision"], lag_events=lag.events, lag_seconds=lag.seconds)

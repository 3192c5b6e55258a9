"""What the HTTP side answers: the structs that are encoded are the ones that OpenAPI describes."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from command.messages import EventId
from command.metrics import Counters


class Item(Struct, frozen=True):
    """One event of the body. ``event_id`` is null if the event was refused and no id can be read."""

    event_id: EventId | None
    cursor: Annotated[
        str | UnsetType | None, Meta(description="with `detail=1`: its position in the log; null if it was refused")
    ] = UNSET
    duplicate: Annotated[
        bool | UnsetType | None, Meta(description="with `detail=1`: whether the log had it before; null if refused")
    ] = UNSET


class RejectedItem(Struct, frozen=True):
    """Why an event was refused. ``index`` counts the events of the body from 0."""

    index: int
    event_id: EventId | None
    code: Annotated[str, Meta(description="the reason in one word", examples=["missing_field"])]
    message: Annotated[str, Meta(description="the reason in a sentence")]


Items = Annotated[list[Item], Meta(description="one for each event of the body, in order")]
Accepted = Annotated[int, Meta(description="events that the log has, duplicates included")]
Furthest = Annotated[str | None, Meta(description="the furthest position of an accepted event; null: none")]


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a body."""

    accepted: Accepted
    rejected: list[RejectedItem]
    items: Items
    cursor: Furthest


class Status(Counters, kw_only=True):
    """Events since the start of the service, and the log that they went to."""

    started_at: Annotated[datetime, Meta(tz=True)]
    epoch: Annotated[str, Meta(description="identifies the log; every cursor starts with it")]


class Alive(Struct, frozen=True):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Ready(Struct, frozen=True):
    """The log answers."""

    log: Literal["ok"] = "ok"
    warnings: Annotated[list[str] | UnsetType, Meta(description="troubles that do not stop the service")] = UNSET


class Problem(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 defines it."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: Annotated[str, Meta(description="the reason in a sentence")]


class UnreadyProblem(Problem, frozen=True, kw_only=True):
    """The log does not answer, or is full."""

    log: str


class RefusedProblem(Problem, frozen=True, kw_only=True):
    """Every event of the body was refused; the members of ``Answer`` are there too."""

    accepted: Accepted
    rejected: list[RejectedItem]
    items: Items
    cursor: Furthest


class UnstoredProblem(Problem, frozen=True, kw_only=True):
    """Not every event is stored. Sending all of them again with the ids in ``items`` is safe."""

    code: Literal["log_full", "log_unavailable", "overloaded"]
    stored: Annotated[int, Meta(description="events that are stored")]
    rejected: list[RejectedItem]
    items: Items

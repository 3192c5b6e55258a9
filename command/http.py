"""``POST /events``: the hot route. Starlette and msgspec only; bodies are split here and judged in ``ingest``."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from command.bodies import BadBodyError, split_body
from command.ingest import Accepted, Ingest, Refused, TooManyPendingError, Unstored
from contracts.errors import LogFullError
from runtime.problems import problem

RETRY_AFTER = {"Retry-After": "1"}
"""Seconds: what is full or away for longer asks again and again, which costs little."""

_encoder = msgspec.json.Encoder()


class Item(msgspec.Struct, frozen=True):
    """One event of the body, in its order. ``event_id`` is null where it was refused and no id could be read."""

    event_id: UUID | None


class DetailedItem(msgspec.Struct, frozen=True):
    """An item with ``?detail=1``; ``cursor`` and ``duplicate`` are null where the event was refused."""

    event_id: UUID | None
    cursor: str | None
    duplicate: bool | None


class RejectedItem(msgspec.Struct, frozen=True):
    """Why an event was refused; ``index`` counts the body's events from 0."""

    index: int
    event_id: UUID | None
    code: str
    message: str


class Answer(msgspec.Struct, frozen=True):
    """What became of a body. ``accepted`` includes repeats; ``cursor`` is the furthest, null if none was accepted."""

    accepted: int
    rejected: list[RejectedItem]
    items: list[Item] | list[DetailedItem]
    cursor: str | None


class EventsEndpoint:
    """Answers ``POST /events``."""

    def __init__(self, ingest: Ingest, *, max_body_bytes: int) -> None:
        self._ingest = ingest
        self._max_body_bytes = max_body_bytes

    async def answer(self, request: Request) -> Response:
        """202 all accepted, 207 some refused, 422 all refused, or a problem."""
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            return problem(
                415,
                "Unsupported content encoding",
                f"the body is encoded with {encoding}; send it as it is",
                headers={"Accept-Encoding": "identity"},
            )
        try:
            body = await self._body(request)
            raws = split_body(body, request.headers.get("content-type", ""))
        except BadBodyError as error:
            return _refused_body(error)
        try:
            with self._ingest.admitted(len(raws)):
                outcomes = await self._ingest.take_all(raws)
        except TooManyPendingError as error:
            return problem(429, "Too many events at once", str(error), headers=RETRY_AFTER)
        return _answer(outcomes, detail=request.query_params.get("detail", "") in ("1", "true"))

    async def _body(self, request: Request) -> bytes:
        limit = self._max_body_bytes
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise BadBodyError(413, f"the body has {int(announced):,} bytes, at most {limit:,} are taken at once")
        parts: list[bytes] = []
        size = 0
        try:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise BadBodyError(413, f"the body has more than the {limit:,} bytes that are taken at once")
                parts.append(part)
        except ClientDisconnect:
            raise BadBodyError(400, "the connection ended before the body did") from None
        return b"".join(parts)


def _refused_body(error: BadBodyError) -> Response:
    title = {413: "Body too large", 415: "Unsupported media type"}.get(error.status, "Malformed body")
    # what was not read of a body that is too large must not be taken for the next request
    headers = {"Connection": "close"} if error.status == 413 else None
    return problem(error.status, title, str(error), headers=headers)


def _answer(outcomes: "Sequence[Accepted | Refused | Unstored]", *, detail: bool) -> Response:
    unstored = next((outcome for outcome in outcomes if isinstance(outcome, Unstored)), None)
    if unstored is not None:
        return _unavailable(outcomes, unstored)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    rejected = _rejected(outcomes)
    status = 202 if not rejected else 207 if accepted else 422
    answer = Answer(
        len(accepted),
        rejected,
        [_detailed(outcome) for outcome in outcomes] if detail else [Item(outcome.event_id) for outcome in outcomes],
        str(max((item.cursor for item in accepted), key=lambda cursor: cursor.seq)) if accepted else None,
    )
    if status == 422:
        return _all_refused(answer)
    return Response(_encoder.encode(answer), status_code=status, media_type="application/json")


def _all_refused(answer: Answer) -> Response:
    first = answer.rejected[0]
    detail = first.message if len(answer.rejected) == 1 else f"every event was refused, the first: {first.message}"
    members: dict[str, Any] = {name: getattr(answer, name) for name in Answer.__struct_fields__}
    return problem(422, "Refused", detail, **members)


def _unavailable(outcomes: "Sequence[Accepted | Refused | Unstored]", unstored: Unstored) -> Response:
    stored = sum(isinstance(outcome, Accepted) for outcome in outcomes)
    full = isinstance(unstored.error, LogFullError)
    return problem(
        503,
        "The log is full" if full else "The log is unavailable",
        f"{unstored.error}. {stored:,} of {len(outcomes):,} events are stored; sending all of them again with the "
        "event_id of each item is safe",
        headers=RETRY_AFTER,
        code="log_full" if full else "log_unavailable",
        stored=stored,
        rejected=_rejected(outcomes),
        items=[Item(outcome.event_id) for outcome in outcomes],
    )


def _rejected(outcomes: "Sequence[Accepted | Refused | Unstored]") -> list[RejectedItem]:
    return [
        RejectedItem(index, outcome.event_id, outcome.error.code, outcome.error.message)
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Refused)
    ]


def _detailed(outcome: Accepted | Refused | Unstored) -> DetailedItem:
    if isinstance(outcome, Accepted):
        return DetailedItem(outcome.event_id, str(outcome.cursor), outcome.duplicate)
    return DetailedItem(outcome.event_id, None, None)

"""``POST /events``: splits a body into events, and answers with what became of each.

The route carries the load of the whole service, so it is a plain ASGI application: Starlette's request, response and
middlewares would cost more than the work itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from command.bodies import BadBodyError, split_body
from command.ingest import Accepted, Ingest, Outcome, Refused, TooManyPendingError, Unstored
from command.messages import EventId
from contracts.errors import LogFullError
from runtime.problems import problem

RETRY_AFTER = {"Retry-After": "1"}
"""Seconds: what is full or away for longer asks again and again, which costs little."""

_TITLES = {400: "Malformed body", 413: "Body too large", 415: "Unsupported media type"}
_ENCODING = "Unsupported content encoding"

_encoder = msgspec.json.Encoder()


class Item(msgspec.Struct, frozen=True):
    """One event of the body, in its order. ``event_id`` is null where it was refused and no id could be read."""

    event_id: EventId | None


class DetailedItem(msgspec.Struct, frozen=True):
    """An item with ``?detail=1``; ``cursor`` and ``duplicate`` are null where the event was refused."""

    event_id: EventId | None
    cursor: str | None
    duplicate: bool | None


class RejectedItem(msgspec.Struct, frozen=True):
    """Why an event was refused; ``index`` counts the body's events from 0."""

    index: int
    event_id: EventId | None
    code: str
    message: str


class Answer(msgspec.Struct, frozen=True):
    """What became of a body. ``accepted`` includes repeats; ``cursor`` is the furthest, null if none was accepted."""

    accepted: int
    rejected: list[RejectedItem]
    items: list[Item] | list[DetailedItem]
    cursor: str | None


class EventsEndpoint:
    """The ASGI application behind ``POST /events``."""

    def __init__(self, ingest: Ingest, *, max_body_bytes: int) -> None:
        self._ingest = ingest
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """202 all accepted, 207 some refused, 422 all refused, or a problem."""
        content_type = encoding = length = b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length":
                length = value
            elif name == b"content-encoding":
                encoding = value.lower()
        try:
            if encoding not in (b"", b"identity"):
                shown = encoding.decode("latin-1")
                raise BadBodyError(415, f"the body is encoded with {shown}; send it as it is", _ENCODING)
            raws = split_body(await self._body(length, receive), content_type.decode("latin-1"))
            pending = self._ingest.admit(len(raws))
        except BadBodyError as error:
            await _refused_body(error)(scope, receive, send)
            return
        except TooManyPendingError as error:
            await problem(429, "Too many events at once", str(error), headers=RETRY_AFTER)(scope, receive, send)
            return
        with pending:
            outcomes = await self._ingest.append_all(raws)
        await self._answer(outcomes, _asks_for_detail(scope["query_string"]))(scope, receive, send)

    async def _body(self, length: bytes, receive: Receive) -> bytes:
        limit = self._max_body_bytes
        if length.isdigit() and int(length) > limit:
            raise BadBodyError(413, f"the body has {int(length):,} bytes, at most {limit:,} are taken at once")
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadBodyError(400, "the connection ended before the body did")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise BadBodyError(413, f"the body has more than the {limit:,} bytes that are taken at once")
            more = message.get("more_body", False)
        return b"".join(parts)

    def _answer(self, outcomes: Sequence[Outcome], detail: bool) -> ASGIApp:
        unstored = next((outcome for outcome in outcomes if isinstance(outcome, Unstored)), None)
        if unstored is not None:
            return _unavailable(outcomes, unstored)
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        rejected = [] if len(accepted) == len(outcomes) else _rejected(outcomes)
        answer = Answer(
            len(accepted),
            rejected,
            [self._detailed(outcome) for outcome in outcomes]
            if detail
            else [Item(outcome.event_id) for outcome in outcomes],
            str(self._ingest.cursor(max(accepted, key=lambda event: event.seq))) if accepted else None,
        )
        if not accepted:
            return _all_refused(answer)
        return _Json(_encoder.encode(answer), 207 if rejected else 202)

    def _detailed(self, outcome: Outcome) -> DetailedItem:
        if isinstance(outcome, Accepted):
            return DetailedItem(outcome.event_id, str(self._ingest.cursor(outcome)), outcome.duplicate)
        return DetailedItem(outcome.event_id, None, None)


class _Json:
    """An answer in JSON; Starlette's costs several times as much to make."""

    __slots__ = ("_body", "_status")

    def __init__(self, body: bytes, status: int) -> None:
        self._body = body
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._body))]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


def _asks_for_detail(query: bytes) -> bool:
    return bool(query) and QueryParams(query).get("detail", "") in ("1", "true")


def _refused_body(error: BadBodyError) -> Response:
    # the unread rest of a body that is too large must not be taken for the next request
    headers = {413: {"Connection": "close"}, 415: {"Accept-Encoding": "identity"}}.get(error.status)
    return problem(error.status, error.title or _TITLES[error.status], str(error), headers=headers)


def _all_refused(answer: Answer) -> Response:
    first = answer.rejected[0]
    detail = first.message if len(answer.rejected) == 1 else f"every event was refused, the first: {first.message}"
    members: dict[str, Any] = {name: getattr(answer, name) for name in Answer.__struct_fields__}
    return problem(422, "Refused", detail, **members)


def _unavailable(outcomes: Sequence[Outcome], unstored: Unstored) -> Response:
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


def _rejected(outcomes: Sequence[Outcome]) -> list[RejectedItem]:
    return [
        RejectedItem(index, outcome.event_id, outcome.error.code, outcome.error.message)
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Refused)
    ]

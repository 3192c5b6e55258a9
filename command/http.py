"""``POST /events``: splits a body into events, and answers with what became of each.

The route carries the load of the whole service, so it is a plain ASGI application: Starlette's request, response and
middlewares cost more than the work itself.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from command.answers import Answer, Item, RefusedProblem, RejectedItem, UnstoredProblem
from command.bodies import BadBodyError, split_body
from command.ingest import Accepted, Ingest, Outcome, Refused, TooManyPendingError, Unstored
from contracts.errors import LogFullError
from runtime.access.guard import KEY
from runtime.problems import problem

RETRY_AFTER = {"Retry-After": "1"}
"""Seconds. A client that asks again every second while the log is full or away costs little."""
_TITLES = {400: "Malformed body", 413: "Body too large", 415: "Unsupported media type"}
_ENCODING = "Unsupported content encoding"
_PARAMETER = "Bad parameter"
_DETAIL = ("1", "true", "0", "false")

_encoder = msgspec.json.Encoder()


class _OverloadedError(Exception):
    """The bodies of all requests exceed the limit."""


class EventsEndpoint:
    """The ASGI application behind ``POST /events``."""

    def __init__(self, ingest: Ingest, *, max_body_bytes: int, max_pending_bytes: int) -> None:
        self._ingest = ingest
        self._max_body_bytes = max_body_bytes
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 202 if all events are accepted, 207 if some, 422 if none, or with another problem."""
        held: list[bytes] = []
        try:
            answer = await self._answer(scope, receive, held)
        finally:
            self._pending_bytes -= sum(map(len, held))
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, held: list[bytes]) -> ASGIApp:
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
                raise BadBodyError(415, f"the body is encoded with {shown}: send it without an encoding", _ENCODING)
            detail = _asks_for_detail(scope["query_string"])
            self._ingest.require_room()
            await self._read(length, receive, held)
            raws = await split_body(b"".join(held), content_type.decode("latin-1"))
            pending = self._ingest.admit(len(raws))
        except BadBodyError as error:
            return _malformed(error)
        except _OverloadedError as error:
            return _overloaded(str(error))
        except TooManyPendingError as error:
            return problem(429, "Too many events at once", str(error), headers=RETRY_AFTER)
        with pending:
            outcomes = await self._ingest.append_all(raws, scope.get("state", {}).get(KEY, ""))
        return self._account(outcomes, detail=detail)

    async def _read(self, length: bytes, receive: Receive, held: list[bytes]) -> None:
        """Reads the body into ``held``, all of which counts as pending."""
        limit = self._max_body_bytes
        if length.isdigit() and int(length) > limit:
            raise BadBodyError(413, f"the body has {int(length):,} bytes, and the limit is {limit:,}")
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadBodyError(400, "the connection ended before the body did")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise BadBodyError(413, f"the body has more than {limit:,} bytes, which is the limit")
            self._pending_bytes += len(part)
            held.append(part)
            # a body without others is always read: it fits the limit of one body
            if self._pending_bytes > self._max_pending_bytes and self._pending_bytes > size:
                raise _OverloadedError(f"bodies of {self._pending_bytes:,} bytes are being read or appended")
            more = message.get("more_body", False)

    def _account(self, outcomes: Sequence[Outcome], *, detail: bool) -> ASGIApp:
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        rejected = [] if len(accepted) == len(outcomes) else _rejected(outcomes)
        if len(accepted) + len(rejected) < len(outcomes):
            return _unavailable(outcomes, len(accepted), rejected)
        answer = Answer(
            accepted=len(accepted),
            rejected=rejected,
            items=[self._item(outcome) for outcome in outcomes] if detail else _items(outcomes),
            cursor=str(self._ingest.cursor(max(accepted, key=lambda event: event.seq))) if accepted else None,
        )
        if not accepted:
            return _all_refused(answer)
        return _Json(207 if rejected else 202, b"application/json", _encoder.encode(answer))

    def _item(self, outcome: Outcome) -> Item:
        if isinstance(outcome, Accepted):
            return Item(outcome.event_id, str(self._ingest.cursor(outcome)), outcome.duplicate)
        return Item(outcome.event_id, None, None)


class _Json:
    """A response in JSON. Starlette's takes several times as long to create."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, media_type: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        self._status = status
        self._headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def _asks_for_detail(query: bytes) -> bool:
    if not query:
        return False
    for name, value in QueryParams(query).multi_items():
        if name != "detail":
            raise BadBodyError(400, f"{name[:64]}: unknown parameter", _PARAMETER)
        if value not in _DETAIL:
            raise BadBodyError(400, f"detail: expected {', '.join(_DETAIL)}", _PARAMETER)
    return QueryParams(query).get("detail") in ("1", "true")


def _malformed(error: BadBodyError) -> ASGIApp:
    # the unread rest of a body that is too large must not be read as the next request
    headers = {413: {"Connection": "close"}, 415: {"Accept-Encoding": "identity"}}.get(error.status)
    return problem(error.status, error.title or _TITLES[error.status], str(error), headers=headers)


def _all_refused(answer: Answer) -> ASGIApp:
    first = answer.rejected[0].message
    refused = RefusedProblem(
        type="about:blank",
        title="Refused",
        status=422,
        detail=first if len(answer.rejected) == 1 else f"every event was refused, the first: {first}",
        **msgspec.structs.asdict(answer),
    )
    return _Json(422, b"application/problem+json", _encoder.encode(refused))


def _overloaded(reason: str) -> ASGIApp:
    detail = f"{reason}. No event of this body is stored; send it again a little later"
    return _unstored("The service is overloaded", detail, "overloaded", 0, [], [], (b"connection", b"close"))


def _unavailable(outcomes: Sequence[Outcome], stored: int, rejected: list[RejectedItem]) -> ASGIApp:
    error = next(outcome.error for outcome in outcomes if isinstance(outcome, Unstored))
    detail = (
        f"{error}. {stored:,} of {len(outcomes):,} events are stored; sending all of them again with the event_id of "
        "each item is safe"
    )
    if isinstance(error, LogFullError):
        return _unstored("The log is full", detail, "log_full", stored, rejected, _items(outcomes))
    return _unstored("The log is unavailable", detail, "log_unavailable", stored, rejected, _items(outcomes))


def _unstored(
    title: str,
    detail: str,
    code: Literal["log_full", "log_unavailable", "overloaded"],
    stored: int,
    rejected: list[RejectedItem],
    items: list[Item],
    *headers: tuple[bytes, bytes],
) -> ASGIApp:
    answer = UnstoredProblem(
        type="about:blank",
        title=title,
        status=503,
        detail=detail,
        code=code,
        stored=stored,
        rejected=rejected,
        items=items,
    )
    return _Json(503, b"application/problem+json", _encoder.encode(answer), (b"retry-after", b"1"), *headers)


def _items(outcomes: Sequence[Outcome]) -> list[Item]:
    return [Item(outcome.event_id, UNSET, UNSET) for outcome in outcomes]


def _rejected(outcomes: Sequence[Outcome]) -> list[RejectedItem]:
    return [
        RejectedItem(index, outcome.event_id, outcome.error.code, outcome.error.message)
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Refused)
    ]

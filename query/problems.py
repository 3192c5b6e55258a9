"""Every error as problem+json, the framework's own too."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contracts.errors import LogUnavailableError
from query.database import QuestionTooSlowError
from query.events.tracing import EventNotFoundError
from query.live.requests import BadStreamRequestError
from query.stats.answer import NoLongerKeptError
from query.stats.buckets import TooManyBucketsError
from query.stats.waiting import AnotherLogError, NotYetProjectedError
from runtime.log.client import JetStreamApiError
from runtime.postgres import DatabaseUnavailableError
from runtime.problems import problem

_RETRY = {"Retry-After": "1"}
_KINDS: dict[type[Exception], tuple[int, str, dict[str, str]]] = {
    EventNotFoundError: (404, "Not found", {}),
    AnotherLogError: (409, "Another log", {}),
    NoLongerKeptError: (422, "Bad parameter", {}),
    TooManyBucketsError: (422, "Bad parameter", {}),
    BadStreamRequestError: (422, "Bad parameter", {}),
    LogUnavailableError: (503, "Log unavailable", _RETRY),
    JetStreamApiError: (503, "Log unavailable", {}),
    DatabaseUnavailableError: (503, "Database unavailable", _RETRY),
    NotYetProjectedError: (504, "Not yet projected", _RETRY),
    QuestionTooSlowError: (504, "Took too long", {}),
}


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad parameter"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["to: expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z"])


_EXAMPLES = {
    404: (
        "Not found",
        "0199cd9c-5a10-7c3e-9d2b-6a1f0c2b1177 is not in the read model, which has counted the log up to "
        "3f9c1a7be204:41:, and there is nothing behind that",
    ),
    409: (
        "Another log",
        "min_cursor: 81d0e6f7a2b3:9: is of another log than the read model, whose epoch is 3f9c1a7be204",
    ),
    422: ("Bad parameter", "to: expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z"),
    426: ("Upgrade required", "/ws is a WebSocket"),
    503: ("Database unavailable", "the database does not answer: TimeoutError"),
    504: ("Took too long", "the database needed more than 30 s: ask for a shorter range"),
}
_PROBLEM_JSON = "application/problem+json"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's part about the problems that a route answers."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        title, detail = _EXAMPLES[status]
        example = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        found[status] = {"model": Problem, "content": {_PROBLEM_JSON: content}}
    return found


def describe_problems(app: FastAPI) -> None:
    """Keeps the app's OpenAPI from saying that a problem comes as plain JSON, too."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    if _PROBLEM_JSON in response.get("content", {}):
                        response["content"].pop("application/json", None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def answer_problems(app: FastAPI) -> None:
    """Makes the app answer every error it knows as a problem."""
    for kind in _KINDS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _known(request: Request, error: Exception) -> Response:
    status, title, headers = next(_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS)
    return problem(status, title, str(error), headers=headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"parameter": _parameter(found["loc"]), "message": _message(found)} for found in error.errors()]
    detail = "; ".join(f"{found['parameter']}: {found['message']}" if found["parameter"] else found["message"]
                       for found in errors)  # fmt: skip
    return problem(422, "Bad parameter", detail, errors=errors)


def _parameter(location: Sequence[Any]) -> str:
    return str(location[1])[:64] if len(location) > 1 else ""


def _message(found: Any) -> str:
    if found["type"] == "extra_forbidden":
        return "there is no such parameter"
    message: str = found["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return problem(error.status_code, str(error.detail), f"{request.method} {request.url.path}", headers=headers)

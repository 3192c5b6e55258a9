"""Errors as problem+json (RFC 9457), including the framework's own."""

import logging
from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contracts.errors import LogUnavailableError, TailraceError
from query.errors import QueryError
from runtime.log.errors import JetStreamApiError
from runtime.postgres import DatabaseUnavailableError, as_sentence
from runtime.problems import http_problem, problem

logger = logging.getLogger("tailrace.query")

_UNAVAILABLE: dict[type[TailraceError], tuple[str, dict[str, str]]] = {
    LogUnavailableError: ("Log unavailable", {"Retry-After": "1"}),
    JetStreamApiError: ("Log unavailable", {}),
    DatabaseUnavailableError: ("Database unavailable", {"Retry-After": "1"}),
}
"""Errors of the layers below, with their titles and headers: status 503."""


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad parameter"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["to: expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z"])


_EXAMPLES = {
    404: (
        "Not found",
        "0199cd9c-5a10-7c3e-9d2b-6a1f0c2b1177 is not in the read model, which is at 3f9c1a7be204:41:; the log has "
        "no later entries",
    ),
    409: (
        "Another log",
        "min_cursor: 81d0e6f7a2b3:9: belongs to another log; the epoch of the read model is 3f9c1a7be204",
    ),
    422: ("Bad parameter", "to: expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z"),
    426: ("Upgrade required", "/ws is a WebSocket"),
    503: ("Database unavailable", "the database does not answer: TimeoutError"),
    504: ("Took too long", "the database needed more than 30 s: ask for a shorter range"),
}
_PROBLEM_JSON = "application/problem+json"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI ``responses`` of the problems that a route can answer."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        title, detail = _EXAMPLES[status]
        example = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        found[status] = {"model": Problem, "content": {_PROBLEM_JSON: content}}
    return found


def describe_problems(app: FastAPI) -> None:
    """Removes ``application/json`` from the problem responses in the app's OpenAPI document."""
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
    """Registers handlers that answer every known error as a problem."""
    app.add_exception_handler(QueryError, _query_error)
    for kind in _UNAVAILABLE:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(asyncpg.PostgresError, _database_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, http_problem)


async def _query_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return problem(error.status, error.title, str(error), headers=headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    title, headers = next(known for kind, known in _UNAVAILABLE.items() if isinstance(error, kind))
    return problem(503, title, str(error), headers=headers)


async def _database_error(request: Request, error: Exception) -> Response:
    sentence = str(as_sentence(error))
    logger.error("%s %s: %s", request.method, request.url.path, sentence)
    return problem(500, "Database error", sentence)


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
        return "unknown parameter"
    message: str = found["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]

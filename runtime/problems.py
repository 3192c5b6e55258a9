"""Errors over HTTP: RFC 9457 problem+json."""

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


def problem(status: int, title: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """Returns a problem+json response: ``title`` is the kind, ``detail`` the sentence; ``members`` extend it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/problem+json"
    )


async def http_problem(request: Request, error: Exception) -> Response:
    """Answers the framework's own errors, such as an unknown path."""
    assert isinstance(error, HTTPException)
    sentence = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }.get(error.status_code, error.detail)
    title = error.detail[:1] + error.detail[1:].lower()  # the standard phrase, such as Not Found
    return problem(error.status_code, title, sentence, headers=dict(error.headers or {}))

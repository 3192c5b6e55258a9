"""Errors over HTTP: RFC 9457 problem+json."""

from typing import Any

import msgspec
from starlette.responses import Response


def problem(status: int, title: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """Returns a problem+json response: ``title`` is the kind, ``detail`` the sentence; ``members`` extend it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/problem+json"
    )

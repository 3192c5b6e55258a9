"""Refusals: why a request is not answered, and how that is sent."""

from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from runtime.problems import problem


class Refusal(NamedTuple):
    """An HTTP status, and the title and detail of the problem."""

    status: int
    title: str
    detail: str
    headers: dict[str, str] | None = None


async def send_refusal(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers an HTTP request or a WebSocket handshake with problem+json."""
    response = problem(refusal.status, refusal.title, refusal.detail, headers=refusal.headers)
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        start = {"status": response.status_code, "headers": response.raw_headers}
        await send({"type": "websocket.http.response.start", **start})
        await send({"type": "websocket.http.response.body", "body": bytes(response.body)})
    else:
        await send({"type": "websocket.close", "code": 1008})

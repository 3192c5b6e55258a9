"""The description of ``/ws`` over HTTP: for programs, and as a page for people."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from query.live.documents.asyncapi import asyncapi_document
from runtime.asyncapi_page import HEADERS, render_page


def document_routes() -> APIRouter:
    """The document and the page; both name the service by the address at which the reader has found it."""
    router = APIRouter(include_in_schema=False)
    document = asyncapi_document()

    def found_at(request: Request) -> dict[str, Any]:
        server = {"host": request.url.netloc, "protocol": "wss" if request.url.scheme == "https" else "ws"}
        return {**document, "servers": {"query": server}}

    @router.get("/asyncapi.json")
    async def as_document(request: Request) -> Response:
        return Response(msgspec.json.encode(found_at(request)), media_type="application/json")

    @router.get("/asyncapi")
    async def as_page(request: Request) -> Response:
        return HTMLResponse(render_page(found_at(request)), headers=HEADERS)

    return router

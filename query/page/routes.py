"""Serves the page."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from starlette.responses import Response

from query.page.files import PageFile, built_files, not_built

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page_routes(folder: Traversable | None = None, *, command_port: int = 8081) -> APIRouter:
    """Returns a route for each file of the build in ``folder``, or for a page with the reason if there is no build.

    The page shows ``command_port`` as the port that events are sent to.
    """
    folder = folder or files("query.page") / "static"
    router = APIRouter(include_in_schema=False)
    built = built_files(folder, command_port)
    for path, file in (built or not_built(folder)).items():
        status = 200 if built or path != "/" else 503
        router.add_api_route(path, _serving(file, status), response_class=Response)
    return router


def _serving(file: PageFile, status: int) -> Callable[[], Awaitable[Response]]:
    headers = {**_HEADERS, "Cache-Control": file.caching}

    async def serve() -> Response:
        return Response(file.content, status, headers, media_type=file.media_type)

    return serve

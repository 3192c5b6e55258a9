"""The documentation pages of a service: Swagger UI and an AsyncAPI viewer, served from installed packages.

Both viewers come with Python packages, so no page loads anything from another host.
"""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_FILES = "docs/files"
_VIEWERS: list[str | tuple[str, str]] = [("fastapi_swagger", "resources"), ("asyncapi_viewer", "static")]
_ASYNCAPI_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>{title}</title></head>
<body>
<asyncapi-viewer src="asyncapi.json" sidebar></asyncapi-viewer>
<script src="{files}/asyncapi-viewer.iife.js"></script>
</body>
</html>
"""


def docs_routes(title: str) -> list[BaseRoute]:
    """Returns ``/docs``, which shows ``/openapi.json``, and ``/asyncapi``, which shows ``/asyncapi.json``.

    The service serves both documents itself. ``title`` is the pages' title.
    """
    swagger = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    return [
        Route("/docs", _page(bytes(swagger.body).decode())),
        Route("/asyncapi", _page(_ASYNCAPI_PAGE.format(title=escape(title), files=_FILES))),
        Mount(f"/{_FILES}", StaticFiles(packages=_VIEWERS)),
    ]


def _page(html: str) -> Response:
    inline = "".join(
        f" 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    )
    policy = (
        f"default-src 'none'; script-src 'self'{inline}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})

"""The JavaScript client, and ``/tailrace.js``: the same client with what a web page needs, as one script."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SCRIPT_PATH = "/tailrace.js"
_FOLDER = Path(__file__).parent
_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def browser_script() -> str:
    """Returns the script: a function that nothing outside can see, without comments and indentation."""
    client = (_FOLDER / "client.js").read_text().replace("export function", "function")
    text = client + (_FOLDER / "snippet.js").read_text()
    lines = (line.strip() for line in text.splitlines())
    return "(()=>{" + "\n".join(line for line in lines if line and not re.match(r"//|/\*\*.*\*/$", line)) + "\n})()"


def script_route() -> Route:
    """Returns the route of the script, which pages of any origin may load."""
    body = browser_script()

    async def script(request: Request) -> Response:
        return Response(body, media_type="text/javascript", headers=_HEADERS)

    return Route(SCRIPT_PATH, script)

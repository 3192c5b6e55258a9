"""What the page's build has left, as it is served."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class PageFile(NamedTuple):
    """One file: its bytes, and the headers that go with it."""

    content: bytes
    media_type: str
    caching: str


def built_files(folder: Traversable) -> dict[str, PageFile]:
    """The files of a build by their paths, the page itself at ``/``; empty where nothing was built."""
    if not (folder / "index.html").is_file():
        return {}
    found = {f"/{part.name}": _read(part, "no-cache") for part in folder.iterdir() if _is_served(part)}
    # their names change with their content
    found |= {f"/assets/{part.name}": _read(part, _FOR_EVER) for part in (folder / "assets").iterdir()}
    found["/"] = found.pop("/index.html")
    return found


def not_built(folder: Traversable) -> dict[str, PageFile]:
    """What is served where nothing was built: a page that says so, and why if the build has left a reason."""
    here = files("query.page")
    found = {
        "/": _read(here / "not_built.html", "no-cache"),
        "/not_built.css": _read(here / "not_built.css", "no-cache"),
    }
    failure = folder / "failure.txt"
    reason = failure.read_bytes().decode(errors="replace").strip() if failure.is_file() else "Nobody has built it yet."
    page = found["/"]
    found["/"] = page._replace(content=page.content.replace(b"{reason}", _escaped(reason[-2000:]).encode()))
    return found


def _is_served(part: Traversable) -> bool:
    return part.is_file() and part.name.rpartition(".")[2] in _TYPES


def _read(part: Traversable, caching: str) -> PageFile:
    return PageFile(part.read_bytes(), _TYPES[part.name.rpartition(".")[2]], caching)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

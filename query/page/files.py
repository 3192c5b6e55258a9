"""The files of the page's build."""

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
_COMMAND_PORT = b"{command_port}"
_FOR_EVER = "public, max-age=31536000, immutable"


class PageFile(NamedTuple):
    """The content of a file, and its headers."""

    content: bytes
    media_type: str
    caching: str


def built_files(folder: Traversable, command_port: int) -> dict[str, PageFile]:
    """Returns the files of a build by path, with the page at ``/``; {} without a build."""
    if not (folder / "index.html").is_file():
        return {}
    found = {f"/{part.name}": _read(part, "no-cache") for part in folder.iterdir() if _is_served(part)}
    # their names change with their content
    found |= {f"/assets/{part.name}": _read(part, _FOR_EVER) for part in (folder / "assets").iterdir()}
    page = found.pop("/index.html")
    content = page.content.replace(_COMMAND_PORT, str(command_port).encode())
    return {**found, "/": page._replace(content=content)}


def not_built(folder: Traversable) -> dict[str, PageFile]:
    """Returns the page that replaces a missing build, with the reason that the build left, if any."""
    here = files("query.page")
    found = {
        "/": _read(here / "not_built.html", "no-cache"),
        "/not_built.css": _read(here / "not_built.css", "no-cache"),
    }
    failure = folder / "failure.txt"
    reason = (
        failure.read_bytes().decode(errors="replace").strip() if failure.is_file() else "It has not been built yet."
    )
    page = found["/"]
    found["/"] = page._replace(content=page.content.replace(b"{reason}", _escaped(reason[-2000:]).encode()))
    return found


def _is_served(part: Traversable) -> bool:
    return part.is_file() and part.name.rpartition(".")[2] in _TYPES


def _read(part: Traversable, caching: str) -> PageFile:
    return PageFile(part.read_bytes(), _TYPES[part.name.rpartition(".")[2]], caching)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

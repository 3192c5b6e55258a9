"""Every file of the site but the viewers."""

import json
import posixpath
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from contracts.errors import ConfigurationError
from tools.documents.site.markdown import Heading, render
from tools.documents.site.viewers import VIEWERS

FIRST = ("operations", "configuration", "events", "metrics", "scaling", "benchmarks")
"""The order of the pages; others follow."""
_PICTURES = {".png", ".svg", ".jpg"}
_OVERVIEW = "README.md"


class _Link(NamedTuple):
    title: str
    place: str


def site_files(root: Path) -> dict[str, bytes]:
    """What goes where on the site of the repository at ``root``.

    Raises:
        ConfigurationError: a page links to a file that is not there.
    """
    return _Site(root).files()


class _Site:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._linked: set[str] = set()
        """Files of the repository that a page leads to."""
        self._sources = {_OVERVIEW: "index.html"} | {f"docs/{name}.md": f"{name}.html" for name in _named(root)}
        self._documents = sorted((path.stem for path in (root / "docs" / "api").glob("*.json")), key=_called)
        self._guides = [_Link(_title(root / source), place) for source, place in self._sources.items()]
        self._places = self._sources | {f"docs/api/{name}.json": _place(name) for name in self._documents}
        """Where files of the repository are on the site."""

    def files(self) -> dict[str, bytes]:
        made = {place: self._guide(source, place) for source, place in self._sources.items()}
        for name in self._documents:
            made |= self._document(name)
        for path in sorted(self._linked):  # the folders among them lead to more
            if (self._root / path).is_dir():
                made[self._places[path]] = self._folder(path)
        for path in sorted(self._linked):
            if (self._root / path).is_file():
                made[self._places[path]] = self._file(path)
        assets = self._root / "docs" / "site"
        return made | {name: (assets / name).read_bytes() for name in ("style.css", "show.js")}

    def _guide(self, source: str, place: str) -> bytes:
        found = render((self._root / source).read_text(encoding="utf-8"), lambda link: self._relocated(link, source))
        contents = _contents(found.headings)
        return self._page(place, found.headings[0].text, f'{contents}<main class="guide">{found.html}</main>')

    def _relocated(self, link: str, source: str) -> str:
        """Where a link of the page made from ``source`` leads to; those pages are all at the site's top."""
        path, mark, anchor = link.partition("#")
        if not path or "://" in path:
            return link
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(path)))
        if not (self._root / target).exists():
            raise ConfigurationError(f"{source} links to {target}, which is not there: correct the link")
        return self._led_to(target) + mark + anchor

    def _led_to(self, path: str) -> str:
        """Where a file or folder of the repository is on the site: its own page, or below files/."""
        if path not in self._places:
            self._linked.add(path)
            as_it_is = Path(path).suffix in _PICTURES
            page = "/index.html" if (self._root / path).is_dir() else "" if as_it_is else ".html"
            self._places[path] = f"files/{path}{page}"
        return self._places[path]

    def _folder(self, path: str) -> bytes:
        place, names = self._places[path], sorted(one.name for one in (self._root / path).iterdir() if one.is_file())
        items = "".join(
            f'<li><a href="{_up(place)}{self._led_to(f"{path}/{name}")}">{escape(name)}</a></li>' for name in names
        )
        return self._page(place, path, f'<main class="guide"><h1>{escape(path)}</h1><ul>{items}</ul></main>')

    def _file(self, path: str) -> bytes:
        content = (self._root / path).read_bytes()
        if Path(path).suffix in _PICTURES:
            return content
        body = f'<main class="guide"><h1>{escape(path)}</h1><pre>{escape(content.decode())}</pre></main>'
        return self._page(self._places[path], path, body)

    def _document(self, name: str) -> dict[str, bytes]:
        place = _place(name)
        text = (self._root / "docs" / "api" / f"{name}.json").read_text(encoding="utf-8")
        viewer, up = VIEWERS[name.partition(".")[0]], _up(place)
        styles = "".join(f'<link rel="stylesheet" href="{up}{style}">' for style in viewer.styles)
        scripts = "".join(f'<script src="{up}{script}"></script>' for script in (*viewer.scripts, "show.js"))
        # a page opened from a folder may not ask for a file, so it brings the document along
        escaped = text.replace("<", "\\u003c")
        data = f'<script type="application/json" id="document">{escaped}</script>'
        body = f'<main id="viewer" class="viewer"></main>{data}{scripts}'
        # beside it as the services serve it: their descriptions link to each other's documents
        beside = place.removesuffix(".html") + ".json"
        return {place: self._page(place, _named_api(text), body, styles), beside: text.encode()}

    def _page(self, place: str, title: str, body: str, head: str = "") -> bytes:
        up = _up(place)
        guides = _links(self._guides, place)
        documents = _links([_Link(_called(name), _place(name)) for name in self._documents], place)
        return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<title>{escape(title)}</title>{head}<link rel="stylesheet" href="{up}style.css"></head>
<body>
<header><nav aria-label="Pages">{guides}</nav><nav aria-label="Interfaces">{documents}</nav></header>
{body}
</body>
</html>
""".encode()


def _named(root: Path) -> list[str]:
    names = [path.stem for path in (root / "docs").glob("*.md")]
    return sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def _title(source: Path) -> str:
    lines = source.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("# ") for line in lines if line.startswith("# "))


def _place(document: str) -> str:
    """``openapi.query`` goes to ``api/query/openapi.html``."""
    kind, _, service = document.partition(".")
    return f"api/{service}/{kind}.html"


def _called(document: str) -> str:
    kind, _, service = document.partition(".")
    return f"{service.capitalize()}: {'HTTP' if kind == 'openapi' else 'NATS' if service == 'command' else 'WebSocket'}"


def _named_api(text: str) -> str:
    title: str = json.loads(text)["info"]["title"]
    return title


def _up(place: str) -> str:
    return "../" * place.count("/")


def _links(links: Iterable[_Link], place: str) -> str:
    up = _up(place)
    return "".join(
        f'<a href="{up}{link.place}"{" aria-current=page" if link.place == place else ""}>{escape(link.title)}</a>'
        for link in links
    )


def _contents(headings: list[Heading]) -> str:
    sections = [one for one in headings if one.level == 2]
    if len(sections) < 3:
        return ""
    items = "".join(f'<li><a href="#{escape(one.anchor)}">{escape(one.text)}</a></li>' for one in sections)
    return f'<nav class="contents" aria-label="On this page"><ul>{items}</ul></nav>'

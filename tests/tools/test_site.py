"""The documentation site: every page is on it, every link resolves, and nothing comes from another host."""

import posixpath
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.site import ROOT, build_site

INTERFACES = {path.name for path in (ROOT / "docs" / "api").glob("*.json")}


class Html(HTMLParser):
    """The links of a page, the files that it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif (tag == "link" and given.get("rel") not in ("search", "index", "next", "prev")) or "src" in given:
            self.loaded.add(given.get("href") or given["src"])
        if "id" in given:
            self.anchors.add(given["id"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build_site(target)
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Html]:
    return {str(path.relative_to(site)): Html(path.read_text()) for path in site.rglob("*.html")}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with the configuration of the site."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copytree(ROOT / "docs" / "templates", tmp_path / "docs" / "templates")
    (tmp_path / "docs" / "index.md").write_text("# It\n\n```{toctree}\n../README\nmore\n```\n")
    (tmp_path / "docs" / "more.md").write_text("# More\n\n[back](../README.md#it) [code](../one.py)\n")
    (tmp_path / "README.md").write_text("# It\n\n[more](docs/more.md)\n")
    (tmp_path / "one.py").write_text("1 < 2")
    return tmp_path


def resolved(place: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), unquote(urlsplit(link).path))) if link else place


def test_every_page_and_interface_document_of_the_repository_is_on_the_site(site: Path, pages: dict[str, Html]) -> None:
    guides = {str(path.relative_to(ROOT).with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    assert guides | {"README.html"} <= pages.keys()
    assert len(INTERFACES) == 4
    assert {path.name for path in (site / "_downloads").rglob("*.json")} >= INTERFACES
    [documents] = [page for place, page in pages.items() if place.startswith("docs/api/")]
    assert {posixpath.basename(link) for link in documents.links} >= INTERFACES


def test_every_link_of_the_site_resolves(site: Path, pages: dict[str, Html]) -> None:
    followed = 0
    for place, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = resolved(place, parts.path)
            assert (site / target).is_file(), f"{place}: {link}"
            if parts.fragment:
                assert parts.fragment in pages[target].anchors, f"{place}: {link}"
            followed += 1
    assert followed > 100


def test_every_page_is_reached_from_every_other(pages: dict[str, Html]) -> None:
    records = {place for place in pages if re.match(r"docs/decisions/\d", place)}
    guides = {place for place in pages if place == "README.html" or place.startswith("docs/")} - records
    for place in guides | records:
        assert {resolved(place, urlsplit(link).path) for link in pages[place].links} >= guides
    index = "docs/decisions/README.html"
    assert {resolved(index, urlsplit(link).path) for link in pages[index].links} >= records


def test_the_first_page_leads_to_the_site(site: Path) -> None:
    assert 'content="0; url=docs/index.html"' in (site / "index.html").read_text()


def test_nothing_is_loaded_from_another_host(site: Path, pages: dict[str, Html]) -> None:
    loaded = {
        resolved(place, link) if "://" not in link else link for place, page in pages.items() for link in page.loaded
    }
    assert len(loaded) > 5
    for place in loaded:
        assert (site / place).is_file()


def test_a_broken_link_fails_the_build(repository: Path) -> None:
    (repository / "README.md").write_text("# It\n\n[more](docs/missing.md)\n")
    built = build_site(repository / "build", source=repository)
    assert built.returncode != 0
    assert "README.md:3: WARNING: 'myst' cross-reference target not found: 'docs/missing.md'" in built.stderr
    (repository / "README.md").write_text("# It\n\n[more](docs/more.md#nowhere)\n")
    assert build_site(repository / "build", source=repository).returncode != 0


def test_links_between_pages_and_to_code_resolve(repository: Path) -> None:
    built = build_site(repository / "build", source=repository)
    assert built.returncode == 0, built.stderr
    more = Html((repository / "build" / "docs" / "more.html").read_text())
    assert "../README.html#it" in more.links
    [code] = [link for link in more.links if link.endswith("/one.py")]
    assert (repository / "build" / "docs" / code).read_text() == "1 < 2"


def test_headings_have_the_anchors_that_code_hosts_give_them(repository: Path) -> None:
    (repository / "docs" / "more.md").write_text("# A `log`, damaged!\n\n## Twice\n\n## Twice\n\n## NDJSON & co\n")
    (repository / "README.md").write_text(
        "# It\n\n[a](docs/more.md#a-log-damaged) [b](docs/more.md#twice-1) [c](docs/more.md#ndjson--co)\n"
    )
    built = build_site(repository / "build", source=repository)
    assert built.returncode == 0, built.stderr

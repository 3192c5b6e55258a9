"""The site of the documentation: every link leads somewhere, and nothing comes from elsewhere."""

import posixpath
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contracts.errors import ConfigurationError
from tools.documents.site.markdown import render
from tools.documents.site.pages import site_files
from tools.documents.site.viewers import VIEWERS

ROOT = Path(__file__).parents[2]
FROM_NPM = {place for viewer in VIEWERS.values() for place in (*viewer.scripts, *viewer.styles)}


class Html(HTMLParser):
    """What a page leads to, what it loads, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.add(given["href"])
        elif "href" in given or "src" in given:
            self.loaded.add(given.get("href") or given["src"])
        if "id" in given:
            self.anchors.add(given["id"])


@pytest.fixture(scope="module")
def site() -> dict[str, bytes]:
    return site_files(ROOT)


@pytest.fixture(scope="module")
def pages(site: dict[str, bytes]) -> dict[str, Html]:
    return {place: Html(content.decode()) for place, content in site.items() if place.endswith(".html")}


def beside(place: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), urlsplit(link).path)) if link else place


def test_every_page_and_document_of_the_repository_is_there(pages: dict[str, Html]) -> None:
    guides = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    interfaces = {"api/{1}/{0}.html".format(*path.stem.split(".")) for path in (ROOT / "docs" / "api").glob("*.json")}
    assert len(interfaces) == 4
    assert guides | interfaces | {"index.html"} == {place for place in pages if not place.startswith("files/")}


def test_every_link_leads_somewhere(site: dict[str, bytes], pages: dict[str, Html]) -> None:
    followed = 0
    for place, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = beside(place, parts.path)
            assert target in site, f"{place}: {link}"
            if parts.fragment:
                assert parts.fragment in pages[target].anchors, f"{place}: {link}"
            followed += 1
    assert followed > 100


def test_every_page_is_reached_from_every_other(pages: dict[str, Html]) -> None:
    guides = {place for place in pages if not place.startswith("files/")}
    for place, page in pages.items():
        assert {beside(place, link) for link in page.links} >= guides


def test_nothing_is_loaded_from_elsewhere(site: dict[str, bytes], pages: dict[str, Html]) -> None:
    loaded = {beside(place, link) for place, page in pages.items() for link in page.loaded if link != "data:,"}
    assert loaded <= {*site, *FROM_NPM}
    assert loaded > FROM_NPM


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "docs" / "site", tmp_path / "docs" / "site")
    (tmp_path / "README.md").write_text("# It\n\n[more](docs/more.md)\n")
    with pytest.raises(ConfigurationError, match=r"^README.md links to docs/more.md, which is not there"):
        site_files(tmp_path)
    (tmp_path / "docs" / "more.md").write_text("# More\n\n[back](../README.md#it)\n")
    assert b'<a href="index.html#it">' in site_files(tmp_path)["more.html"]


def test_a_link_to_a_folder_leads_to_what_is_in_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "site", tmp_path / "docs" / "site")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "one.py").write_text("1 < 2")
    (tmp_path / "README.md").write_text("# It\n\n[examples](examples)\n")
    found = site_files(tmp_path)
    assert b'href="files/examples/index.html"' in found["index.html"]
    assert b'href="../../files/examples/one.py.html"' in found["files/examples/index.html"]
    assert b"<pre>1 &lt; 2</pre>" in found["files/examples/one.py.html"]


def test_headings_have_the_anchors_that_code_hosts_give_them() -> None:
    found = render("# A `log`, damaged!\n\n## Twice\n\n## Twice\n\n## NDJSON & co\n", lambda link: link)
    assert [one.anchor for one in found.headings] == ["a-log-damaged", "twice", "twice-1", "ndjson--co"]
    assert '<h2 id="twice-1">Twice</h2>' in found.html

"""docs/projections.md: its files and commands work in the order and as they are written, on other ports."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import typer
from dirty_equals import IsPartialDict
from markdown_it import MarkdownIt

from tailrace.cli.main import app
from tests.support.docs_page import DOCS, Page
from tests.support.operator import Follows, Operator, operating
from tests.support.terminal import until

PAGE = Page.read("projections.md")
follows = Follows(PAGE)
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl on the PATH"),
]


def files() -> list[tuple[str, str]]:
    """Returns the name and the text of each Python block; its first line is a comment with its name."""
    tokens = MarkdownIt().parse((DOCS / "projections.md").read_text(encoding="utf-8"))
    blocks = [token.content for token in tokens if token.type == "fence" and token.info == "python"]
    named = [(re.match(r"# (\S+\.py)\n", block), block) for block in blocks]
    return [(match[1], block) for match, block in named if match is not None]


@pytest.fixture
def operator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    with operating(request, tmp_path / "here", PAGE) as operator:
        yield operator


def write(operator: Operator, name: str, text: str) -> None:
    path = operator.terminal.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def read(operator: Operator, path: str) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{operator.settings.query_url}/projections{path}", trust_env=False).json()
    return found


def test_every_block_is_a_file_or_executed() -> None:
    text = (DOCS / "projections.md").read_text(encoding="utf-8")
    assert text.count("```python\n") == len(files())
    assert follows.blocks == PAGE.blocks.keys()


def test_every_command_that_the_page_names_exists() -> None:
    for words in PAGE.commands:
        command = typer.main.get_command(app)
        while isinstance(command, typer.core.TyperGroup) and words:
            command = command.commands[words.pop(0)]


@follows("Test 1", "Start 1", "Start 2", "Read 1", "Read 2", "Change 1", "Change 2", "What not to do 1")
def test_from_an_event_to_a_projection_that_is_cut_over(operator: Operator) -> None:
    first: dict[str, str] = {}
    for name, text in files():
        first.setdefault(name, text)
    for name, text in first.items():
        write(operator, name, text)
    operator.follow("Test 1")
    operator.follow("Start 1")
    operator.own["localhost:8080"] = urlsplit(operator.settings.query_url or "").netloc
    operator.follow("Start 2")
    until("three orders", lambda: orders(operator) == [2, 1], lambda: str(read(operator, "")))
    operator.follow("Read 1")
    assert operator.output.count('"country"') == 2
    operator.follow("Read 2")
    assert [operator.output.count(name) for name in ("DE", "revenue", "cart", "last_seen")] == [1, 1, 1, 1]

    write(operator, *next((name, text) for name, text in files() if "version = 2" in text))
    operator.follow("Change 1")
    assert read(operator, "/revenue?order=-cents&limit=1") == IsPartialDict(
        version=2, rows=[{"country": "DE", "orders": 2, "cents": 1250, "buyers": 2, "largest": 750}]
    )
    operator.follow("Change 2")
    assert read(operator, "/revenue")["version"] == 2
    operator.follow("What not to do 1")
    listed = json.loads(httpx.get(f"{operator.settings.query_url}/projections", trust_env=False).text)["projections"]
    assert [one["version"] for one in listed if one["name"] == "revenue"] == [2]


def orders(operator: Operator) -> list[int]:
    found = read(operator, "/revenue")
    rows = found.get("rows")
    return [row["orders"] for row in rows] if isinstance(rows, list) else []

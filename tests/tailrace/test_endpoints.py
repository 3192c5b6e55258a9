"""Which servers a command uses: those of ``--data-dir``, of the environment, or of ``./.tailrace``."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from tailrace.endpoints import DEFAULT_DATA_DIR, Endpoints, read_endpoints, settings_for

NO_PROCESS = 2**22
"""Above the kernel's largest process id."""


def endpoints(upcasters: str | None = None) -> Endpoints:
    return Endpoints(
        command="http://command",
        query="http://query",
        projection="http://projection",
        asyncapi="http://command/asyncapi",
        nats="nats://log",
        database="postgresql://db",
        upcasters=upcasters,
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, and an environment without settings."""
    for name in [name for name in os.environ if name.startswith("TAILRACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_here(pid: int) -> None:
    DEFAULT_DATA_DIR.mkdir()
    replace(endpoints("/product/events.py"), pids={"nats": pid}).write(DEFAULT_DATA_DIR)


def test_addresses_and_upcasters_of_a_run_are_used(tmp_path: Path) -> None:
    written = endpoints("/product/events.py")
    written.write(tmp_path)
    assert read_endpoints(tmp_path) == written
    found = settings_for(tmp_path)
    assert (found.nats_url, found.database, found.command_url) == ("nats://log", "postgresql://db", "http://command")
    assert found.upcasters == "/product/events.py"
    endpoints().write(tmp_path)
    assert settings_for(tmp_path).upcasters is None


def test_a_folder_where_nothing_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing runs in"):
        settings_for(tmp_path)


def test_the_run_in_the_working_directory_is_found() -> None:
    run_here(os.getpid())
    found = settings_for(None)
    assert (found.nats_url, found.database, found.query_url) == ("nats://log", "postgresql://db", "http://query")
    assert found.upcasters == "/product/events.py"
    other = settings_for(None, database="postgresql://other")
    assert (other.nats_url, other.database) == ("nats://log", "postgresql://other")


@pytest.mark.parametrize("name", ["TAILRACE_NATS_URL", "TAILRACE_DATABASE", "TAILRACE_QUERY_URL"])
def test_an_address_of_the_environment_wins_over_the_run_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run_here(os.getpid())
    monkeypatch.setenv(name, "nats://mine")
    found = settings_for(None)
    assert (found.nats_url == "nats://mine") == (name == "TAILRACE_NATS_URL")
    assert (found.nats_url, found.command_url) != ("nats://log", "http://command")


def test_an_address_of_a_settings_file_wins_too(folder: Path) -> None:
    run_here(os.getpid())
    (folder / ".env").write_text("DB_NAME=analytics\n")
    assert settings_for(None).nats_url == "nats://log"
    (folder / ".env").write_text("TAILRACE_NATS_URL=nats://mine\n")
    assert settings_for(None).nats_url == "nats://mine"


def test_the_file_of_a_killed_run_in_the_working_directory_is_ignored() -> None:
    run_here(NO_PROCESS)
    assert settings_for(None).nats_url == "nats://127.0.0.1:4222"

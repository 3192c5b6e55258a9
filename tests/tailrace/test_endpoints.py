"""``--data-dir``: a command takes from a run what it needs to see the same log as the run's services."""

from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from tailrace.endpoints import Endpoints, read_endpoints, settings_for


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


def test_addresses_and_upcasters_are_those_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILRACE_UPCASTERS", raising=False)
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

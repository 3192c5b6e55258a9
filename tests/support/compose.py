"""Reads compose files, and runs their services as processes of this machine."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv.variables import parse_variables
from ruamel.yaml import YAML

from tests.support.processes import TailraceProcess, run_to_end

ROOT = Path(__file__).parents[2]


def read_compose(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns the file with its variables (``${NAME}``, ``${NAME:-default}``) replaced from ``environment``.

    ``environment`` acts as the file ``.env``. Each service's ``environment`` is what its container gets: the whole file
    if the service has an ``env_file``, and the variables that it lists without a value.
    """
    text = (ROOT / name).read_text()
    resolved = "".join(atom.resolve(dict(environment)) for atom in parse_variables(text))
    found: dict[str, Any] = YAML(typ="safe").load(resolved)
    for service in found["services"].values():
        whole = dict(environment) if "env_file" in service else {}
        named = dict(service.get("environment") or {})
        given = {one: environment.get(one) if value is None else value for one, value in named.items()}
        service["environment"] = whole | {one: str(value) for one, value in given.items() if value is not None}
    return found


def unset_variables(name: str) -> set[str]:
    """Returns the variables that services list without a value."""
    services = YAML(typ="safe").load(ROOT / name)["services"].values()
    return {one for service in services for one, value in service.get("environment", {}).items() if value is None}


def variables_of(name: str) -> set[str]:
    """Returns the variables that the file interpolates."""
    return {atom.name for atom in parse_variables((ROOT / name).read_text()) if hasattr(atom, "name")}


@dataclass
class Host:
    """Runs services on this machine; ``addresses`` of containers are replaced in everything that they get."""

    folder: Path
    addresses: dict[str, str]

    def own(self, text: str) -> str:
        """Replaces the addresses in a text."""
        for there, here in self.addresses.items():
            text = text.replace(there, here)
        return text

    def environment(self, service: Mapping[str, Any], **more: str) -> dict[str, str]:
        """Returns a service's environment, with what every process of this machine needs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAILRACE_", "DB_", "OTEL_"))}
        own = {name: self.own(str(value)) for name, value in service.get("environment", {}).items()}
        return kept | own | more

    def start(self, service: Mapping[str, Any], name: str, **more: str) -> TailraceProcess:
        """Starts a service's command; its output goes to ``name``.log."""
        with (self.folder / f"{name}.log").open("ab") as output:
            environment = self.environment(service, **more)
            return TailraceProcess(service["command"], environment, cwd=self.folder, stdout=output, stderr=output)

    def healthy(self, service: Mapping[str, Any], **more: str) -> bool:
        """Runs the service's health check once."""
        kind, *command = service["healthcheck"]["test"]
        assert kind == "CMD", command
        words = [self.own(word) for word in command]
        environment = self.environment(service, **more)
        if words[0] == "tailrace":
            return run_to_end(tuple(words[1:]), environment).returncode == 0
        return subprocess.run(words, env=environment, capture_output=True, check=False, timeout=30).returncode == 0

    def log(self, name: str) -> str:
        """Returns the output of a service."""
        return (self.folder / f"{name}.log").read_text()


def start_order(services: Mapping[str, Any]) -> list[str]:
    """Returns the services with dependencies first."""
    order: list[str] = []
    while len(order) < len(services):
        ready = [
            name
            for name, service in services.items()
            if name not in order and set(service.get("depends_on", {})) <= set(order)
        ]
        assert ready, f"a dependency cycle among {set(services) - set(order)}"
        order += ready
    return order

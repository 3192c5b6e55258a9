"""The compose file as compose itself reads it, and its services as processes of this machine."""

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
    """The file with its variables replaced from ``environment``: ``${NAME}`` and ``${NAME:-default}``.

    Each service's ``environment`` is what its container gets, with ``environment`` as the file ``.env``: all of that
    where the service reads the file itself, and what it names without a value where there is one.
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


def passed_on(name: str) -> set[str]:
    """What the file's services take from its surroundings by name alone."""
    services = YAML(typ="safe").load(ROOT / name)["services"].values()
    return {one for service in services for one, value in service.get("environment", {}).items() if value is None}


def variables_of(name: str) -> set[str]:
    """The variables that the file takes from its surroundings."""
    return {atom.name for atom in parse_variables((ROOT / name).read_text()) if hasattr(atom, "name")}


@dataclass
class Host:
    """This machine in the containers' place: ``addresses`` are replaced in everything that a service is given."""

    folder: Path
    addresses: dict[str, str]

    def own(self, text: str) -> str:
        """What a container is told, as it is true here."""
        for there, here in self.addresses.items():
            text = text.replace(there, here)
        return text

    def environment(self, service: Mapping[str, Any], **more: str) -> dict[str, str]:
        """A service's own environment, and of this machine's what every process needs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAILRACE_", "DB_", "OTEL_"))}
        own = {name: self.own(str(value)) for name, value in service.get("environment", {}).items()}
        return kept | own | more

    def start(self, service: Mapping[str, Any], name: str, **more: str) -> TailraceProcess:
        """Starts what the image's entry point starts; its output goes to ``name``.log."""
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
        """What a service has said."""
        return (self.folder / f"{name}.log").read_text()


def start_order(services: Mapping[str, Any]) -> list[str]:
    """The services in an order in which everything one depends on comes before it."""
    order: list[str] = []
    while len(order) < len(services):
        ready = [
            name
            for name, service in services.items()
            if name not in order and set(service.get("depends_on", {})) <= set(order)
        ]
        assert ready, f"a circle among {set(services) - set(order)}"
        order += ready
    return order

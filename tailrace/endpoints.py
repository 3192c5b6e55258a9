"""``endpoints.json``: where everything of a running ``tailrace up`` is, for programs and for ``--data-dir``."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from contracts.errors import ConfigurationError
from runtime.settings import Settings, load_settings

DEFAULT_DATA_DIR = Path(".tailrace")
ServiceName = Literal["command", "query", "projection"]


@dataclass
class Endpoints:
    """Addresses and process ids of one run."""

    command: str
    query: str
    projection: str
    asyncapi: str
    nats: str
    database: str
    upcasters: str | None = None
    pids: dict[str, int] = field(default_factory=dict)

    def write(self, data_dir: Path) -> None:
        """Replaces the file in one step, so that nobody reads half of it. It holds the database's password: 0600."""
        target = endpoints_file(data_dir)
        fresh = target.with_suffix(".new")
        fresh.touch(mode=0o600)
        known = {name: value for name, value in asdict(self).items() if value is not None}
        fresh.write_text(json.dumps(known, indent=2) + "\n")
        os.replace(fresh, target)


def local_url(host: str, port: int) -> str:
    """Where a service on this machine is that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def service_url(settings: Settings, service: ServiceName) -> str:
    """Where a service is, by the settings.

    Raises:
        ConfigurationError: its port is 0, so only the service itself knows it.
    """
    url: str | None = getattr(settings, f"{service}_url")
    port: int = getattr(settings, f"{service}_port")
    if url:
        return url.rstrip("/")
    if not port:
        raise ConfigurationError(
            f"TAILRACE_{service.upper()}_URL is needed: port 0 does not say where the {service} service is"
        )
    return local_url(settings.host, port)


def endpoints_file(data_dir: Path) -> Path:
    """Where the file is; it exists only while everything runs."""
    return data_dir / "endpoints.json"


def read_endpoints(data_dir: Path) -> Endpoints | None:
    """What the file says; None where there is none, or none that can be read."""
    try:
        return Endpoints(**json.loads(endpoints_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def settings_for(data_dir: Path | None, **overrides: object) -> Settings:
    """Settings from the environment; with ``data_dir``, addresses and upcasters are those of the run in that folder.

    Raises:
        ConfigurationError: nothing runs there, or a setting is wrong.
    """
    if data_dir is None:
        return load_settings(**overrides)
    found = read_endpoints(data_dir)
    if found is None:
        raise ConfigurationError(
            f"nothing runs in {data_dir}: there is no endpoints.json; start it with `tailrace up --data-dir {data_dir}`"
        )
    run = {
        "nats_url": found.nats,
        "database": found.database,
        "command_url": found.command,
        "query_url": found.query,
        "projection_url": found.projection,
    }
    return load_settings(**{**run, "upcasters": found.upcasters, **overrides})

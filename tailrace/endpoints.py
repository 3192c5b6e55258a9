"""``endpoints.json``: the addresses of a running ``tailrace up``, and the settings that commands take from it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from contracts.errors import ConfigurationError
from runtime.settings import Settings, load_settings

DEFAULT_DATA_DIR = Path(".tailrace")
_ADDRESSES = {
    "nats_url",
    "database",
    "database_host",
    "database_port",
    "command_url",
    "query_url",
    "projection_url",
}
ServiceName = Literal["command", "query", "projection"]


@dataclass
class Endpoints:
    """The addresses and process ids of one run."""

    command: str
    query: str
    projection: str
    asyncapi: str
    nats: str
    database: str
    upcasters: str | None = None
    projections: str | None = None
    pids: dict[str, int] = field(default_factory=dict)

    def write(self, data_dir: Path) -> None:
        """Replaces the file atomically. It holds the database's password, so only its owner can read it."""
        target = endpoints_file(data_dir)
        fresh = target.with_suffix(".new")
        fresh.touch(mode=0o600)
        known = {name: value for name, value in asdict(self).items() if value is not None}
        fresh.write_text(json.dumps(known, indent=2) + "\n")
        os.replace(fresh, target)


def local_url(host: str, port: int) -> str:
    """Returns the local address of a service that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def service_url(settings: Settings, service: ServiceName) -> str:
    """Returns the address of a service from the settings.

    Raises:
        ConfigurationError: its port is 0 and its address is not set.
    """
    url: str | None = getattr(settings, f"{service}_url")
    port: int = getattr(settings, f"{service}_port")
    if url:
        return url.rstrip("/")
    if not port:
        raise ConfigurationError(
            f"the address of the {service} service is unknown, since its port is 0: set TAILRACE_{service.upper()}_URL"
        )
    return local_url(settings.host, port)


def endpoints_file(data_dir: Path) -> Path:
    """Returns the path of the file, which exists only during a run."""
    return data_dir / "endpoints.json"


def read_endpoints(data_dir: Path) -> Endpoints | None:
    """Returns the file's content, None if it is missing or unreadable."""
    try:
        return Endpoints(**json.loads(endpoints_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def settings_for(data_dir: Path | None, **overrides: object) -> Settings:
    """Returns the settings of the environment, with the addresses and files of the run in ``data_dir``.

    Without ``data_dir`` it is the run in ``./.tailrace``, if there is one and the environment sets no address.

    Raises:
        ConfigurationError: nothing runs in ``data_dir``, or a setting is wrong.
    """
    settings = load_settings(**overrides)
    if data_dir is not None:
        found = read_endpoints(data_dir)
        if found is None:
            raise ConfigurationError(
                f"nothing runs in {data_dir}: it has no endpoints.json; start it with "
                f"`tailrace up --data-dir {data_dir}`"
            )
    elif (settings.model_fields_set - overrides.keys()) & _ADDRESSES:
        found = None
    else:
        found = read_endpoints(DEFAULT_DATA_DIR)
        if found is not None and not any(map(_exists, found.pids.values())):
            found = None  # the file of a killed run
    if found is None:
        return settings
    run = {
        "nats_url": found.nats,
        "database": found.database,
        "command_url": found.command,
        "query_url": found.query,
        "projection_url": found.projection,
        "upcasters": found.upcasters,
        "projections": found.projections,
    }
    return settings.model_copy(update={name: value for name, value in run.items() if name not in overrides})


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

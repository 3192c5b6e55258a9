"""What the figures were measured on."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from migrations.flavours import choose_flavour
from runtime.postgres import connect
from runtime.settings import Settings


class Servers(NamedTuple):
    """The servers and what they keep their files on."""

    nats: str
    postgres: str
    flavour: str
    file_system: str


async def read_servers(settings: Settings, nats: str, folder: Path) -> Servers:
    """Asks the database's server; ``nats`` is the version of the log's."""
    connection = await connect(settings.dsn, name="bench")
    try:
        flavour = await choose_flavour(connection, settings.flavour)
        found: str = await connection.fetchval("show server_version")
        timescale = await connection.fetchval(
            "select default_version from pg_available_extensions where name = 'timescaledb'"
        )
    finally:
        await connection.close()
    postgres = found.split()[0] + (f", TimescaleDB {timescale}" if flavour == "timescale" else "")
    return Servers(nats, postgres, flavour, _file_system(folder))


def describe_machine(servers: Servers, settings: Settings) -> dict[str, Any]:
    """The machine, the versions and the day; memory in bytes."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "tailrace": version("tailrace"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "python": ".".join(map(str, sys.version_info[:3])),
        **servers._asdict(),
    }


def _file_system(folder: Path) -> str:
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return next((mounts[place] for place in [folder, *folder.resolve().parents] if place in mounts), "unknown")

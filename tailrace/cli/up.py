"""``tailrace up``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import load_settings
from tailrace.cli.options import OfflineRebuild, Port, Rate
from tailrace.embedded.ports import Ports
from tailrace.endpoints import DEFAULT_DATA_DIR
from tailrace.up.run import run_up


def up(
    data_dir: Annotated[Path, typer.Option(help="The folder of the log and the database.", file_okay=False)] = (
        DEFAULT_DATA_DIR
    ),
    producer: Annotated[bool, typer.Option("--producer/--no-producer", help="Send mock events.")] = True,
    rate: Rate = 20.0,
    offline_rebuild: OfflineRebuild = False,
    command_port: Port = 8081,
    query_port: Port = 8080,
    projection_port: Port = 8082,
    nats_port: Port = 4222,
    postgres_port: Port = 15432,
) -> None:
    """Start log, database, services and a mock producer on this machine. Ctrl-C stops them; the data stays."""
    ports = Ports(command_port, query_port, projection_port, nats_port, postgres_port)
    wanted_rate = rate if producer else None
    asyncio.run(run_up(data_dir, load_settings(), ports, rate=wanted_rate, offline_rebuild=offline_rebuild))

"""``just chaos``: runs the product under faults, and says what it broke. Exits with 1 if it broke anything."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import stamina.instrumentation
import typer

from tools.chaos.run import Run


def chaos(
    seed: Annotated[int | None, typer.Option(help="Of the faults' order and the events.", show_default=False)] = None,
    minutes: Annotated[float, typer.Option(help="How long faults happen.")] = 1.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault to cause once, by its name; can be repeated.", show_default=False)
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="A file for the figures, for example docs/chaos.json.", show_default=False)
    ] = None,
) -> None:
    """Kill, stop and disconnect the servers and services of a run of its own, and check every promise."""
    chosen = secrets.randbelow(10_000) if seed is None else seed
    typer.echo(f"seed {chosen}")
    stamina.instrumentation.set_on_retry_hooks(())  # clients of /ws reconnect all the time
    result = asyncio.run(Run(chosen, minutes * 60, typer.echo, fault or ()).run())
    encoded = msgspec.json.format(msgspec.json.encode(result, order="sorted"), indent=2) + b"\n"
    typer.echo(encoded.decode())
    if write is not None:
        write.write_bytes(encoded)
    if result.differences:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(chaos)

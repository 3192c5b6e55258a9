"""What every command of the command line shares: where to find a run, and running its work."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Take addresses from the run in this folder.", show_default=False, file_okay=False),
]


def run_to_end(work: "Coroutine[Any, Any, Any]") -> Any:
    """Runs a command's work, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.run(work)
    return uvloop.run(work)

"""Options and arguments that several commands share, and running a command's work."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

_P = ParamSpec("_P")

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Use the servers of `tailrace up` in this folder. Default: those of ./.tailrace, if it runs there and no "
        "address is set.",
        show_default=False,
        file_okay=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Argument(metavar="[PROJECTION]", help="A projection of your own; the built-in read model if not given."),
]
Rate = Annotated[float, typer.Option(min=0.01, help="Events per second, on average.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
OfflineRebuild = Annotated[
    bool,
    typer.Option(
        "--offline-rebuild",
        help="After an upgrade: drop the old read model before the new one is built, if there is no space for both.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


class Service(StrEnum):
    """The services that ``serve`` runs."""

    command = "command"
    projection = "projection"
    query = "query"
    projections = "projections"


def to_end(command: "Callable[_P, Coroutine[Any, Any, None]]") -> "Callable[_P, None]":
    """Makes a command of a coroutine function."""

    @wraps(command)
    def run(*arguments: _P.args, **options: _P.kwargs) -> None:
        run_to_end(command(*arguments, **options))

    return run


def run_to_end(work: "Coroutine[Any, Any, Any]") -> Any:
    """Runs a command's work, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.run(work)
    return uvloop.run(work)

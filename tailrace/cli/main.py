"""The ``tailrace`` command: the table of its commands, and how errors end it."""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from contracts.errors import TailraceError

COMMANDS = {
    "up": "tailrace.cli.up:up",
    "serve": "tailrace.cli.serve:serve",
    "produce": "tailrace.cli.produce:produce",
    "import": "tailrace.cli.import_file:import_file",
    "migrate": "tailrace.cli.migrate:migrate",
    "health": "tailrace.cli.health:health",
    "status": "tailrace.cli.status:status",
    "doctor": "tailrace.cli.doctor:doctor",
    "tail": "tailrace.cli.tail:tail",
    "verify": "tailrace.cli.verify:verify",
    "replay": "tailrace.cli.replay:replay",
    "cutover": "tailrace.cli.cutover:cutover",
    "rollback": "tailrace.cli.cutover:rollback",
    "drop-old": "tailrace.cli.cutover:drop_old",
    "projection": "tailrace.cli.projection:app",
    "rejected": "tailrace.cli.rejected:app",
    "parked": "tailrace.cli.parked:app",
    "log": "tailrace.cli.log:app",
    "keys": "tailrace.cli.keys:app",
}
"""Functions, or Typer apps of groups. Each is imported when it runs: a health check does not load them all."""


class _Commands(Mapping[str, Any]):
    """``COMMANDS`` as Typer's own objects."""

    def __getitem__(self, name: str) -> Any:
        command = resolve_name(COMMANDS[name])
        if isinstance(command, typer.Typer):
            app = command
        else:
            app = typer.Typer(add_completion=False)
            app.command(name)(command)
        found = get_command(app)
        found.name = name
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Tailrace(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]


app = typer.Typer(
    name="tailrace",
    cls=_Tailrace,
    help="Real-time analytics on an append-only log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tailrace {version('tailrace')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    del show_version


def main() -> None:
    """Runs the command line."""
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Runs a command line. An error that the user can act on prints one sentence and exits with 1."""
    try:
        app()
    except TailraceError as error:
        _fail(error)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from runtime.postgres import as_sentence  # loads the database's driver

        sentence = as_sentence(error)
        if sentence is None:
            raise
        _fail(sentence)


def _fail(error: TailraceError) -> None:
    print(f"tailrace: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(1)

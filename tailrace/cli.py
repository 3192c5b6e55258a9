"""The ``tailrace`` command: one function per command, each a few lines over the part that does the work."""

import asyncio
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import TailraceError
from runtime.logs import configure_logging
from tailrace.endpoints import DEFAULT_DATA_DIR, service_url, settings_for
from tailrace.log_cli import log_app
from tailrace.options import DataDir, run_to_end
from tailrace.refused_cli import parked_app, rejected_app

app = typer.Typer(
    name="tailrace",
    help="Real-time analytics on an append-only log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(rejected_app, name="rejected")
app.add_typer(parked_app, name="parked")
app.add_typer(log_app, name="log")

Rate = Annotated[float, typer.Option(min=0.01, help="Events per second, on average.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Check = Annotated[bool, typer.Option("--verify/--no-verify", help="Verify the model first.")]


class Service(StrEnum):
    """The services that ``serve`` runs."""

    command = "command"
    projection = "projection"
    query = "query"


class Format(StrEnum):
    """The formats that ``import`` reads."""

    ndjson = "ndjson"
    combined = "combined"


def main() -> None:
    """Runs the command line."""
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Runs a command line. Errors that a person can act on print one sentence and exit with 1, without a traceback."""
    try:
        app()
    except TailraceError as error:
        print(f"tailrace: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # the database's driver is loaded by the commands that need it
        from runtime.postgres import as_sentence

        sentence = as_sentence(error)
        if sentence is None:
            raise
        print(f"tailrace: {sentence}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


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


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option(help="Where log and database live.", file_okay=False)] = DEFAULT_DATA_DIR,
    producer: Annotated[bool, typer.Option("--producer/--no-producer", help="Send mock events.")] = True,
    rate: Rate = 20.0,
    command_port: Port = 8081,
    query_port: Port = 8080,
    projection_port: Port = 8082,
    nats_port: Port = 4222,
    postgres_port: Port = 15432,
) -> None:
    """Start everything on this machine: log, database, services, mock producer. Ctrl-C stops it."""
    from tailrace.up.run import run_up

    asyncio.run(
        run_up(
            data_dir,
            settings_for(None),
            rate=rate if producer else None,
            command_port=command_port,
            query_port=query_port,
            projection_port=projection_port,
            nats_port=nats_port,
            postgres_port=postgres_port,
        )
    )


@app.command()
def serve(service: Service, data_dir: DataDir = None) -> None:
    """Run one service, configured by TAILRACE_* variables."""
    settings = settings_for(data_dir)
    configure_logging(settings.log_level, settings.log_format, service)
    if service is Service.command:
        from command.service import serve as run
    elif service is Service.projection:
        from projection.service import serve as run
    else:
        from query.service import serve as run
    run_to_end(run(settings))


@app.command()
def produce(
    rate: Rate = 20.0,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same events.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Send mock events: page views, clicks, orders of returning users."""
    from tailrace.producer.service import serve as run

    settings = settings_for(data_dir)
    configure_logging(settings.log_level, settings.log_format, "producer")
    run_to_end(run(settings, rate, count, seed))


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="The file to read; - reads standard input.", allow_dash=True)],
    format: Annotated[Format, typer.Option(help="ndjson: an event per line. combined: an access log.")] = Format.ndjson,
    strict: Annotated[bool, typer.Option("--strict", help="A line that can't be read is an error.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Load a file of events. Importing a file twice adds nothing."""
    from tailrace.importing.display import import_with_progress

    run_to_end(import_with_progress(file, format.value, settings_for(data_dir), strict=strict))


@app.command()
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would run.")] = False, data_dir: DataDir = None
) -> None:
    """Bring the database and the log's streams up to date."""
    from tailrace.migrating import bring_up_to_date

    run_to_end(bring_up_to_date(settings_for(data_dir), typer.echo, dry_run=dry_run))


@app.command()
def health(service: Service, data_dir: DataDir = None) -> None:
    """Ask a service whether it can do its work. Exit code 1, and a sentence, when not."""
    from tailrace.health import ask_health

    run_to_end(ask_health(service_url(settings_for(data_dir), service.value), service.value))


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks of --watch.")] = 2.0,
    max_lag: Annotated[float, typer.Option(min=0, help="A lag of more seconds is a problem.")] = 60.0,
    max_parked: Annotated[
        int | None, typer.Option(min=0, help="More parked events are a problem.", show_default="any number is none")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show the log, the read model, how far apart they are, and the services. Exit code 1 when there is a problem."""
    from tailrace.status.display import show_status, watch_status

    settings = settings_for(data_dir)
    if watch:
        run_to_end(watch_status(settings, every, as_json=as_json, max_lag=max_lag, max_parked=max_parked))
    elif not run_to_end(show_status(settings, as_json=as_json, max_lag=max_lag, max_parked=max_parked)):
        raise typer.Exit(1)


@app.command()
def tail(
    start: Annotated[
        str, typer.Option("--from", help="latest, earliest, a cursor, a time, or so long ago, such as -5m.")
    ] = "latest",
    until: Annotated[
        str | None, typer.Option(help="End at a cursor, a time, or so long ago.", show_default=False)
    ] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="These types alone, such as checkout.*", show_default=False)
    ] = None,
    user: Annotated[int | None, typer.Option(help="This user's events alone.", show_default=False)] = None,
    speed: Annotated[str, typer.Option(help="max, or a factor of the original pace.")] = "max",
    clock: Annotated[str, typer.Option(help="The pace of the log, or of created_at: log or event.")] = "log",
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Watch the log: what comes now, or again from any moment on. Ctrl-C stops it."""
    from tailrace.tailing.display import tail as run

    given = {"from": start, "until": until, "event_type": event_type, "user_id": user, "speed": speed, "clock": clock}
    asked = {name: value for name, value in given.items() if value is not None}
    run_to_end(run(settings_for(data_dir), asked, stop_at_end=not follow, as_json=as_json))


@app.command()
def verify(
    database: Annotated[
        str | None, typer.Option(help="The database, if not the configured one.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Read the log again and compare every table with it. Exit code 1 when anything differs."""
    from tailrace.verifying import verify_with_progress

    chosen = {} if database is None else {"database": database}
    run_to_end(verify_with_progress(settings_for(data_dir, **chosen), as_json=as_json))


@app.command()
def replay(
    into: Annotated[
        str | None,
        typer.Option(help="Another database, as postgresql://…; made if it isn't there.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Stop there, not at the log's end.", show_default=False)
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the time to work; 0.5 if not given.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The log's beginning is gone: begin where it does.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line each second.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Project the log from its first entry into a model beside the live one, or another database.

    Interrupted and run again, it goes on.
    """
    from tailrace.replaying import replay_with_progress

    chosen = {"database": into, "replay_share": share}
    settings = settings_for(data_dir, **{name: value for name, value in chosen.items() if value is not None})
    configure_logging("warning")
    run_to_end(replay_with_progress(settings, beside=into is None, until=until, partial=partial, as_json=as_json))


@app.command()
def cutover(check: Check = True, data_dir: DataDir = None) -> None:
    """Show readers the model that a replay made beside the live one."""
    from tailrace.going_over import go_over_with_progress

    run_to_end(go_over_with_progress(settings_for(data_dir), "cutover", check=check))


@app.command()
def rollback(check: Check = True, data_dir: DataDir = None) -> None:
    """Show readers the older model again."""
    from tailrace.going_over import go_over_with_progress

    run_to_end(go_over_with_progress(settings_for(data_dir), "rollback", check=check))


@app.command("drop-old")
def drop_old(data_dir: DataDir = None) -> None:
    """Drop every model but the live one."""
    from tailrace.going_over import drop_models

    run_to_end(drop_models(settings_for(data_dir)))

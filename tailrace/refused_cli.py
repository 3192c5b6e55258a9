"""``tailrace rejected`` and ``tailrace parked``: what was refused at the door, and what could not be projected."""

from typing import Annotated

import typer

from tailrace.endpoints import settings_for
from tailrace.options import DataDir, run_to_end

rejected_app = typer.Typer(help="What validation refused from the inbox.", no_args_is_help=True)
parked_app = typer.Typer(help="What is in the log and could not be projected.", no_args_is_help=True)


@rejected_app.command("list")
def rejected_list(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List what validation refused from the inbox, newest last, with the reason."""
    from tailrace.rejections import show_rejections

    run_to_end(show_rejections(settings_for(data_dir), limit=limit, as_json=as_json))


@parked_app.command("list")
def parked_list(
    limit: Annotated[int, typer.Option(min=1, help="The oldest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List parked events, oldest first, with the reason."""
    from tailrace.parking import list_parked

    run_to_end(list_parked(settings_for(data_dir), limit=limit, as_json=as_json))


@parked_app.command("show")
def parked_show(
    seq: Annotated[int, typer.Argument(min=1, help="The log entry's sequence.")], data_dir: DataDir = None
) -> None:
    """Show one parked event with its payload, as JSON."""
    from tailrace.parking import show_parked

    run_to_end(show_parked(settings_for(data_dir), seq))


@parked_app.command("retry")
def parked_retry(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Only entries up to there.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Try parked events again, after what was wrong is mended. Each counts once, where it belongs."""
    from tailrace.parking import retry_parked

    run_to_end(retry_parked(settings_for(data_dir), until=until, dry_run=dry_run))

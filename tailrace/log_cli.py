"""``tailrace log …``: the commands, each a line over ``log_commands``."""

from typing import Annotated

import typer

from tailrace.endpoints import settings_for
from tailrace.options import DataDir, run_to_end

log_app = typer.Typer(help="The log's history: what is lost, and which log it is.", no_args_is_help=True)


@log_app.command("show")
def log_show(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False, data_dir: DataDir = None
) -> None:
    """Show the log's epoch, where it begins and ends, and what is recorded as lost."""
    from tailrace.log_commands import show_log

    run_to_end(show_log(settings_for(data_dir), as_json=as_json))


@log_app.command("accept-gap")
def log_accept_gap(
    gap: Annotated[str, typer.Argument(metavar="A..B", help="The first and the last sequence that are gone.")],
    data_dir: DataDir = None,
) -> None:
    """Record that log entries are gone for good, so that reading goes on behind them."""
    from tailrace.log_commands import record_gap

    run_to_end(record_gap(settings_for(data_dir), gap))


@log_app.command("new-epoch")
def log_new_epoch(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False, data_dir: DataDir = None
) -> None:
    """Declare that this log is another history than before: every position taken from it is refused from then on."""
    from tailrace.log_commands import declare_new_epoch

    if not yes:
        typer.confirm("Every cursor and every read model of this log will be refused. Declare a new epoch?", abort=True)
    run_to_end(declare_new_epoch(settings_for(data_dir)))

"""``tailrace doctor``."""

import json

import typer

from tailrace.cli.options import AsJson, DataDir, to_end
from tailrace.doctor import examine
from tailrace.endpoints import settings_for
from tailrace.terminal import as_text, label_table


@to_end
async def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Examine log, inbox, database, models, services and settings, and name the command that repairs each problem.

    Changes nothing. Exits with 1 if there is a problem.
    """
    findings = await examine(settings_for(data_dir))
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        typer.echo(as_text(label_table((finding.level, f"{finding.part}: {finding.text}") for finding in findings)))
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)

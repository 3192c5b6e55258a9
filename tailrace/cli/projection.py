"""``tailrace projection``: lists and shows the projections of the user, and checks that they can be replayed."""

import json
from typing import Any

import typer
from rich.console import Console

from migrations.projections import read_states
from migrations.runner import require_current_schema
from projection.declared.cutover import unknown
from runtime.settings import Settings
from tailrace.cli.connections import open_database, open_log
from tailrace.cli.options import AsJson, DataDir, JsonLines, run_to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import label_table, list_table

app = typer.Typer(help="Projections of your own.", no_args_is_help=True, add_completion=False)


@app.command("list")
def projection_list(as_json: JsonLines = False, data_dir: DataDir = None) -> None:
    """List every build of every projection, with its position and its lag."""
    found = run_to_end(_read(settings_for(data_dir), None))
    if as_json:
        for one in found:
            typer.echo(json.dumps(one))
    elif found:
        columns = ("projection", "version", "kind", "state", "readers", "entry", "lag", "parked")
        Console().print(list_table(columns, map(_row, found)))
    else:
        typer.echo("no projections: declare one in ./projections, or set TAILRACE_PROJECTIONS")


@app.command("show")
def projection_show(name: str, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the builds of one projection, with their definitions."""
    found = run_to_end(_read(settings_for(data_dir), name))
    if not found:
        raise unknown(name)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        rows = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in one.items()]
        Console().print(label_table(rows))


async def _read(settings: Settings, name: str | None) -> list[dict[str, Any]]:
    async with open_database(settings, "projection") as connection:
        await require_current_schema(connection)
        states = await read_states(connection, name)
    async with open_log(settings, "projection") as client:
        last = (await client.state()).last_seq
    return [
        {
            "name": one.model.name,
            "version": one.model.version,
            "kind": one.model.kind,
            "state": one.model.status,
            "live": one.model.live,
            "seq": one.seq,
            "lag_events": max(0, last - one.seq),
            "parked": one.parked,
            "error": one.model.error,
            "schema": one.model.schema,
            **({"definition": json.loads(one.model.definition)} if name is not None else {}),
        }
        for one in states
    ]


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    state = f"{one['state']}: {one['error']}" if one["error"] else one["state"]
    readers = "see it" if one["live"] else ""
    numbers = (f"{one[key]:,}" for key in ("seq", "lag_events", "parked"))
    return one["name"], str(one["version"]), one["kind"], state, readers, *numbers

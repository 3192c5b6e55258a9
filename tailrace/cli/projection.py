"""``tailrace projection``: lists and shows the projections of the user, and checks that they can be replayed."""

import json
from typing import Any

import typer
from rich.console import Console

from migrations.projections import list_projections, read_states
from migrations.runner import require_current_schema
from projection.declared.check import check_projection
from projection.declared.cutover import unknown
from runtime.log.connect import connect_log
from runtime.postgres import connected
from runtime.settings import Settings
from tailrace.cli.options import AsJson, DataDir, JsonLines, to_end
from tailrace.endpoints import settings_for
from tailrace.projection_status import as_status
from tailrace.terminal import label_table, print_list

app = typer.Typer(help="Projections of your own.", no_args_is_help=True, add_completion=False)


@app.command("list")
@to_end
async def projection_list(as_json: JsonLines = False, data_dir: DataDir = None) -> None:
    """List every build of every projection, with its position and its lag."""
    found = await _read(settings_for(data_dir), None)
    columns = ("projection", "version", "kind", "state", "readers", "entry", "lag", "parked")
    none = "no projections: declare one in ./projections, or set TAILRACE_PROJECTIONS"
    print_list(found, columns, _row, none, as_json=as_json, members=dict)


@app.command("show")
@to_end
async def projection_show(name: str, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the builds of one projection, with their definitions."""
    found = await _read(settings_for(data_dir), name)
    if not found:
        raise unknown(name)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        rows = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in one.items()]
        Console().print(label_table(rows))


@app.command("check")
@to_end
async def projection_check(name: str, data_dir: DataDir = None) -> None:
    """Build the log's first entries in several ways: with other batch sizes, a restart, and under another clock."""
    settings = settings_for(data_dir)
    async with (
        await connect_log(settings, "projection") as client,
        connected(settings.dsn, name="projection") as connection,
    ):
        await require_current_schema(connection)
        builds = [model for model in await list_projections(connection, name) if model.state != "dropping"]
        if not builds:
            raise unknown(name)
        differences = await check_projection(client, settings, connection, builds[-1])
    for difference in differences:
        typer.echo(f"DIFFERS  {difference}")
    if differences:
        raise typer.Exit(1)
    typer.echo(f"{name} does not depend on batches, restarts or the clock")


async def _read(settings: Settings, name: str | None) -> list[dict[str, Any]]:
    async with connected(settings.dsn, name="projection") as connection:
        await require_current_schema(connection)
        states = await read_states(connection, name)
    async with await connect_log(settings, "projection") as client:
        state = await client.state()
    shown = [as_status(one, state) for one in states]
    if name is not None:
        for one, of in zip(shown, states, strict=True):
            one |= {"schema": of.model.schema, "definition": json.loads(of.model.definition)}
    return shown


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    state = f"{one['state']}: {one['error']}" if one["error"] else one["state"]
    readers = "see it" if one["live"] else ""
    numbers = (f"{one[key]:,}" for key in ("seq", "lag_events", "parked"))
    return one["name"], str(one["version"]), one["kind"], state, readers, *numbers

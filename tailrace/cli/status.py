"""``tailrace status``: prints the status once or repeatedly, as text or as JSON."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from runtime.settings import Settings
from runtime.supervise import sleep_until_stop, stop_on_signals, unless_stopped
from tailrace.cli.options import AsJson, DataDir, to_end
from tailrace.endpoints import settings_for
from tailrace.projection_status import describe_projection
from tailrace.status import Status, read_status
from tailrace.terminal import as_text, label_table, plain_console


@to_end
async def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it repeatedly, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two readings of --watch.")] = 2.0,
    max_lag: Annotated[float, typer.Option(min=0, help="A lag of more seconds is a problem.")] = 60.0,
    max_parked: Annotated[
        int | None, typer.Option(min=0, help="More parked events are a problem.", show_default="no limit")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the log, the read model, its lag, and the services. Exits with 1 if there is a problem."""
    settings = settings_for(data_dir)
    limits: dict[str, Any] = {"max_lag": max_lag, "max_parked": max_parked}
    if watch:
        await _watch(settings, every, as_json=as_json, **limits)
        return
    found = await read_status(settings, **limits)
    typer.echo(json.dumps(found, indent=2) if as_json else as_text(describe(found)))
    if found["problems"]:
        raise typer.Exit(1)


async def _watch(settings: Settings, every: float, *, as_json: bool, **limits: Any) -> None:
    """Shows the status every ``every`` seconds until SIGINT or SIGTERM; as JSON, a line each time."""
    stop = stop_on_signals()
    with Live(auto_refresh=False, console=plain_console()) as live:
        while not stop.is_set():
            found = await unless_stopped(read_status(settings, **limits), stop)
            if found is None:
                return
            if as_json:
                typer.echo(json.dumps(found))
            elif live.console.is_terminal:
                live.update(describe(found), refresh=True)
            else:
                typer.echo(as_text(describe(found)) + "\n")
            await sleep_until_stop(stop, every)


def describe(found: Status) -> Table:
    """Returns the status as a table of labels and texts."""
    return label_table(_rows(found))


def _rows(found: Status) -> Iterator[tuple[str, str]]:
    yield "tailrace", found["version"]
    if found["log"]:
        yield from _log(found["log"])
    if found["read_model"]:
        yield from _read_model(found["read_model"])
    if found["lag_events"] is not None:
        oldest = f", the oldest {found['lag_seconds']:,.1f} s old" if found["lag_seconds"] else ""
        yield "lag", f"{found['lag_events']:,} events{oldest}"
    if found["in_per_second"] is not None:
        rates = (found[name] for name in ("in_per_second", "projected_per_second"))
        yield "rates", "{:,.1f} events/s in, {:,.1f} projected, in the last minute".format(*rates)
    label = "projections"
    for one in found["projections"]:
        yield label, describe_projection(one)
        label = ""
    label = "services"
    for name, service in found["services"].items():
        yield label, _service(name, service)
        label = ""
    for problem in found["problems"]:
        yield "problem", problem


def _log(log: Status) -> Iterator[tuple[str, str]]:
    yield "log", f"{log['events']:,} events, {log['bytes'] / 1e6:,.1f} MB, epoch {log['epoch']}"
    yield "", f"event types: {log['subjects']:,}; {log['server']}"
    for gap in log["gaps"]:
        yield "", f"entries {gap.first:,} to {gap.last:,} are recorded as lost"
    yield "inbox", f"{log['waiting_in_inbox']:,} waiting, {log['rejected']:,} rejected"


def _read_model(model: Status) -> Iterator[tuple[str, str]]:
    yield "read model", f"{model['model']}, {model['flavour']} flavour, {model['server']}"
    yield "", f"{model['events']:,} events of {model['users']:,} users, {model['parked']:,} parked"
    if model["late_pending"]:
        yield "", f"{model['late_pending']:,} late events pending for the aggregates"
    yield "position", model["cursor"] or "nothing projected yet"
    projectors = model["projectors"]
    yield "projectors", f"{projectors['active']} active, {projectors['standby']} on standby"
    for other in model["other_models"]:
        yield other["role"], f"{other['model']}, {other['flavour']} flavour, {other['state']}, at {other['seq']:,}"


def _service(name: str, service: Status) -> str:
    state = "not ready" if service["problem"] else "ready" if service["answers"] else "no answer"
    version = f" ({service['version']})" if service["version"] else ""
    clients = service.get("live_clients")
    return f"{name}: {state}{version}" + (f", live clients: {clients:,}" if clients is not None else "")

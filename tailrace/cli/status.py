"""Status for people and machines, once or again and again."""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from runtime.settings import Settings
from runtime.supervise import sleep_until_stop, stop_on_signals
from tailrace.cli.options import AsJson, DataDir, run_to_end
from tailrace.endpoints import settings_for
from tailrace.status import SERVICES, Status, read_status


def status(
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
    if watch:
        run_to_end(watch_status(settings, every, as_json=as_json, max_lag=max_lag, max_parked=max_parked))
    elif not run_to_end(show_status(settings, as_json=as_json, max_lag=max_lag, max_parked=max_parked)):
        raise typer.Exit(1)


async def show_status(settings: Settings, *, as_json: bool, **limits: Any) -> bool:
    """Prints the status; False when there is a problem. ``limits``: see ``read_status``."""
    found = await read_status(settings, **limits)
    typer.echo(json.dumps(found, indent=2) if as_json else _as_text(describe(found)))
    return not found["problems"]


async def watch_status(settings: Settings, every: float, *, as_json: bool, **limits: Any) -> None:
    """Shows the status every ``every`` seconds until SIGINT or SIGTERM; as JSON, a line each time."""
    stop = stop_on_signals()
    with Live(auto_refresh=False) as live:
        while not stop.is_set():
            reading = asyncio.create_task(read_status(settings, **limits))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not reading.done():
                reading.cancel()
                return
            if as_json:
                typer.echo(json.dumps(reading.result()))
            elif live.console.is_terminal:
                live.update(describe(reading.result()), refresh=True)
            else:
                typer.echo(_as_text(describe(reading.result())) + "\n")
            await sleep_until_stop(stop, every)


def _as_text(table: Table) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def describe(found: Status) -> Table:
    """The status for people."""
    table = Table.grid(padding=(0, 2))
    for name, text in _rows(found):
        table.add_row(name, text)
    return table


def _rows(found: Status) -> "list[tuple[str, str]]":
    rows = [("tailrace", found["version"])]
    if log := found["log"]:
        rows += _log(log)
    if model := found["read_model"]:
        rows += _read_model(model)
    if found["lag_events"] is not None:
        rows.append(("lag", _lag(found)))
    if found["in_per_second"] is not None:
        rates = (found[name] for name in ("in_per_second", "projected_per_second"))
        rows.append(("rates", "{:,.1f} events/s in, {:,.1f} projected, in the last minute".format(*rates)))
    rows += [("services" if name == SERVICES[0] else "", _service(name, found["services"][name])) for name in SERVICES]
    rows += [("problem", problem) for problem in found["problems"]]
    return rows


def _log(log: Status) -> "list[tuple[str, str]]":
    rows = [
        ("log", f"{log['events']:,} events, {log['bytes'] / 1e6:,.1f} MB, epoch {log['epoch']}"),
        ("", f"event types: {log['subjects']:,}; {log['server']}, read with {log['reader']}"),
    ]
    rows += [("", f"entries {gap.first:,} to {gap.last:,} are recorded as lost") for gap in log["gaps"]]
    return [*rows, ("inbox", f"{log['waiting_in_inbox']:,} waiting, {log['rejected']:,} rejected so far")]


def _read_model(model: Status) -> "list[tuple[str, str]]":
    rows = [
        ("read model", f"{model['model']}, {model['flavour']} flavour, {model['server']}"),
        ("", f"{model['events']:,} events of {model['users']:,} users, {model['parked']:,} parked"),
    ]
    if model["late_pending"]:
        rows.append(("", f"{model['late_pending']:,} late events on their way into the aggregates"))
    rows.append(("position", model["cursor"] or "nothing projected yet"))
    projectors = model["projectors"]
    rows.append(("projectors", f"{projectors['active']} active, {projectors['standing_by']} standing by"))
    return rows + [
        ("beside", f"{other['model']}, {other['flavour']} flavour, {other['state']}, at {other['seq']:,}")
        for other in model["beside"]
    ]


def _lag(found: Status) -> str:
    seconds = "" if not found["lag_seconds"] else f", the oldest of them {found['lag_seconds']:,.1f} s old"
    return f"{found['lag_events']:,} events{seconds}"


def _service(name: str, service: Status) -> str:
    clients = service.get("live_clients")
    state = "not ready" if service["problem"] else "ready" if service["answers"] else "does not answer here"
    version = f" ({service['version']})" if service["version"] else ""
    return f"{name}: {state}{version}" + (f", live clients: {clients:,}" if clients is not None else "")

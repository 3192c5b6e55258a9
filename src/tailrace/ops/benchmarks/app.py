"""``tailrace bench …``: the commands. Each measures in processes and on servers of its own, and leaves nothing."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailrace.ops.benchmarks.plan import Plan

if TYPE_CHECKING:
    from tailrace.ops.benchmarks.run import Measured

app = typer.Typer(help="Measure this program, on servers of its own that are gone afterwards.", no_args_is_help=True)

Events = Annotated[int, typer.Option(min=1_000, max=10_000_000, help="Log entries; every 100th repeats an event.")]
Users = Annotated[int, typer.Option(min=1, help="Users the events are of.")]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="Days the events are scattered over.")]
Kills = Annotated[int, typer.Option(min=0, max=20, help="How often each replay is killed.")]
Runs = Annotated[int, typer.Option(min=1, max=20, help="Runs of each projector.")]
Seconds = Annotated[float, typer.Option(min=1, max=600, help="How long the live system is watched, each time.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Database = Annotated[
    str | None,
    typer.Option(help="A database on another Postgres server, to make others there and drop them.", show_default=False),
]


@app.command()
def replay(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    kills: Kills = 2,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """A replay that is killed on its way: rate, memory, digests, and its share of the live projector's rate."""
    from tailrace.ops.benchmarks.run import measure_replay

    _show(measure_replay(Plan(events, users, days, database), kills=kills), as_json)


@app.command()
def contention(
    events: Events = 200_000,
    users: Users = 50_000,
    days: Days = 30,
    seconds: Seconds = 15.0,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """What a replay beside the live model costs the live system: its lag, its answers, its rate."""
    from tailrace.ops.benchmarks.run import measure_contention

    _show(measure_contention(Plan(events, users, days, database), seconds=seconds), as_json)


@app.command()
def projection(
    events: Events = 100_000,
    users: Users = 50_000,
    days: Days = 30,
    runs: Runs = 3,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """The projector beside a FastStream batch subscriber."""
    from tailrace.ops.benchmarks.run import measure_projection

    _show(measure_projection(Plan(events, users, days, database), runs=runs), as_json)


@app.command()
def questions(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """How long /stats takes for several questions."""
    from tailrace.ops.benchmarks.run import measure_questions

    _show(measure_questions(Plan(events, users, days, database)), as_json)


@app.command(name="all")
def all_(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    kills: Kills = 2,
    runs: Runs = 3,
    seconds: Seconds = 15.0,
    database: Database = None,
    as_json: Json = False,
    page: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the page of the docs there.", show_default=False)
    ] = None,
) -> None:
    """All of them, on one log: some 10 minutes at full size."""
    from tailrace.ops.benchmarks.run import measure_all

    work = measure_all(Plan(events, users, days, database), kills=kills, runs=runs, seconds=seconds)
    _show(work, as_json, page)


def _show(work: "Coroutine[Any, Any, Measured]", as_json: bool, page: Path | None = None) -> None:
    from tailrace.ops.benchmarks.page import render_json, render_page, render_text

    measured = _run(work)
    typer.echo(render_json(measured) if as_json else render_text(measured))
    if page is not None:
        page.write_text(render_page(measured))
    failures = [report.failure for report in measured.reports if report.failure is not None]
    for failure in failures:
        typer.echo(f"tailrace: {failure}", err=True)
    if failures:
        raise typer.Exit(1)


def _run(work: "Coroutine[Any, Any, Measured]") -> "Measured":
    """Runs to the end, or until SIGINT or SIGTERM: servers and folder go then too."""
    import uvloop

    told: list[int] = []

    async def until_told() -> "Measured":
        task = asyncio.current_task()
        assert task is not None

        def end(number: int) -> None:
            told.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        return await work

    try:
        return uvloop.run(until_told())
    except asyncio.CancelledError:
        raise typer.Exit(128 + told[0]) from None

"""``just bench …``: the commands. Each measures in processes and on servers of its own, and leaves nothing."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.benchmarks.plan import ANY_LOG, Plan, Sizes

if TYPE_CHECKING:
    from tools.benchmarks.report import Report
    from tools.benchmarks.run import Measured
    from tools.benchmarks.stage import Stage

app = typer.Typer(help="Measure this program, on servers of its own that are gone afterwards.", no_args_is_help=True)

Events = Annotated[int, typer.Option(min=1_000, max=10_000_000, help="Log entries; every 100th repeats an event.")]
Users = Annotated[int, typer.Option(min=1, help="Users the events are of.")]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="Days through which the events happen.")]
Kills = Annotated[int, typer.Option(min=0, max=20, help="How often each replay is killed.")]
Runs = Annotated[int, typer.Option(min=1, max=20, help="Runs of each projector.")]
Seconds = Annotated[float, typer.Option(min=1, max=600, help="How long the live system is watched, each time.")]
Rate = Annotated[float, typer.Option(min=1, max=50_000, help="Events a second that are published.")]
Clients = Annotated[int, typer.Option(min=1, max=10_000, help="Clients of /ws at the same time.")]
FannedOut = Annotated[int, typer.Option(min=1, max=250_000, help="Events that each client gets at full speed.")]
Idle = Annotated[int, typer.Option(min=1, max=50_000, help="Clients of /ws that wait.")]
Slow = Annotated[int, typer.Option(min=1, max=1_000, help="Clients of /ws that read nothing.")]
Megabytes = Annotated[int, typer.Option(min=1, max=75, help="MB of events that pass the slow clients.")]
Models = Annotated[list[int], typer.Option("--size", min=1_000, max=50_000_000, help="Log entries of a read model.")]
Asks = Annotated[int, typer.Option(min=1, max=100_000, help="How often each question is asked, in 10 s at most.")]
Replicated = Annotated[int, typer.Option(min=1_000, max=10_000_000, help="Events to each cluster at full speed.")]
Leaders = Annotated[int, typer.Option(min=1, max=20, help="How often the log's leader is killed.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Database = Annotated[
    str | None,
    typer.Option(help="A database on another Postgres server, to make others there and drop them.", show_default=False),
]
Page = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Write its section of the docs' page there.", show_default=False)
]
MODELS = (10_000, 1_000_000, 10_000_000)


@app.command()
def replay(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    kills: Kills = 2,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """A replay that is killed on its way: rate, memory, digests, and its share of the live projector's rate."""
    from tools.benchmarks.replay import bench_replay

    _measure(Plan(events, users, days, database), partial(bench_replay, kills=kills), as_json, page)


@app.command()
def contention(
    events: Events = 200_000,
    users: Users = 50_000,
    days: Days = 30,
    seconds: Seconds = 15.0,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """What a replay beside the live model costs the live system: its lag, its answers, its rate."""
    from tools.benchmarks.contention import bench_contention

    _measure(Plan(events, users, days, database), partial(bench_contention, seconds=seconds), as_json, page)


@app.command()
def projection(
    events: Events = 100_000,
    users: Users = 50_000,
    days: Days = 30,
    runs: Runs = 3,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """The projector beside a FastStream batch subscriber."""
    from tools.benchmarks.projection import bench_projection

    _measure(Plan(events, users, days, database), partial(bench_projection, runs=runs), as_json, page)


@app.command()
def questions(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """How long /stats takes for several questions."""
    from tools.benchmarks.questions import bench_questions

    _measure(Plan(events, users, days, database), bench_questions, as_json, page)


@app.command()
def growth(
    models: Models = list(MODELS),  # noqa: B006 (typer only reads it)
    users: Users = 50_000,
    days: Days = 30,
    asks: Asks = 1_000,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """How much longer /stats takes with more events in the same time."""
    from tools.benchmarks.growth import bench_growth

    _measure(Plan(ANY_LOG, users, days, database), partial(bench_growth, sizes=models, asks=asks), as_json, page)


@app.command()
def live(
    rate: Rate = 1_000.0,
    clients: Clients = 200,
    seconds: Seconds = 15.0,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """How old an event is when its /ws frame arrives: for one client and for many, beside the usual fan-out."""
    from tools.benchmarks.latency import bench_live

    bench = partial(bench_live, rate=rate, clients=clients, seconds=seconds)
    _measure(_any_log(database), bench, as_json, page)


@app.command()
def fanout(
    events: FannedOut = 100_000,
    clients: Clients = 200,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """What one process sends to many clients of /ws at full speed, beside the usual fan-out."""
    from tools.benchmarks.fanout import bench_fanout

    _measure(_any_log(database), partial(bench_fanout, events=events, clients=clients), as_json, page)


@app.command()
def clients(
    idle: Idle = 1_000,
    slow: Slow = 100,
    megabytes: Megabytes = 50,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """The memory that idle and slow clients of /ws cost, and what a good one gets meanwhile."""
    from tools.benchmarks.clients import bench_clients

    _measure(_any_log(database), partial(bench_clients, idle=idle, slow=slow, volume=megabytes), as_json, page)


@app.command()
def catchup(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """One client of /ws over the whole log, beside plain reading."""
    from tools.benchmarks.catchup import bench_catchup

    _measure(Plan(events, users, days, database), bench_catchup, as_json, page)


@app.command()
def cluster(
    events: Replicated = 100_000,
    rate: Rate = 1_000.0,
    seconds: Seconds = 15.0,
    kills: Leaders = 5,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """What three copies of the log cost, and how long it is away when the server that leads it is killed."""
    from tools.benchmarks.cluster import bench_cluster

    bench = partial(bench_cluster, events=events, rate=rate, seconds=seconds, kills=kills)
    _measure(_any_log(database), bench, as_json, page)


@app.command(name="all")
def all_(
    events: Events = 1_000_000,
    users: Users = 50_000,
    days: Days = 30,
    kills: Kills = 2,
    runs: Runs = 3,
    seconds: Seconds = 15.0,
    rate: Rate = 1_000.0,
    watchers: Annotated[int, typer.Option("--clients", min=1, max=10_000, help="Clients of /ws.")] = 200,
    fanned_out: FannedOut = 100_000,
    idle: Idle = 1_000,
    slow: Slow = 100,
    megabytes: Megabytes = 50,
    models: Models = list(MODELS),  # noqa: B006
    asks: Asks = 1_000,
    replicated: Replicated = 100_000,
    leaders: Leaders = 5,
    database: Database = None,
    as_json: Json = False,
    page: Page = None,
) -> None:
    """All of them, on one log: some 30 minutes at full size."""
    from tools.benchmarks.run import measure_all

    sizes = Sizes(
        kills, runs, seconds, rate, watchers, fanned_out, idle, slow, megabytes, models, asks, replicated, leaders
    )
    _show(measure_all(Plan(events, users, days, database), sizes), as_json, page, whole=True)


def _any_log(database: str | None) -> Plan:
    return Plan(ANY_LOG, 50_000, 30, database)


def _measure(plan: Plan, bench: "Callable[[Stage], Awaitable[Report]]", as_json: bool, page: Path | None) -> None:
    from tools.benchmarks.run import measure

    _show(measure(plan, bench), as_json, page)


def _show(work: "Coroutine[Any, Any, Measured]", as_json: bool, page: Path | None, *, whole: bool = False) -> None:
    from tools.benchmarks.page import render_json, render_page, render_text

    measured = _run(work)
    typer.echo(render_json(measured) if as_json else render_text(measured))
    if page is not None:
        page.write_text(render_page(measured, "" if whole or not page.exists() else page.read_text()))
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

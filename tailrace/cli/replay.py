"""``tailrace replay``: progress for people, or a JSON line each second for machines."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contracts.cursors import Cursor
from projection.replay import Step
from projection.replay import replay as replay_log
from runtime.log.connect import connect_log
from runtime.logs import configure_logging
from runtime.settings import Settings
from runtime.supervise import stop_on_signals
from tailrace.cli.options import DataDir, run_to_end
from tailrace.endpoints import settings_for

JSON_INTERVAL = 1.0
PLAIN_INTERVAL = 5.0


def replay(
    into: Annotated[
        str | None,
        typer.Option(help="Another database, as postgresql://…; created if it is missing.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Stop there, not at the log's end.", show_default=False)
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the time to work; 0.5 if not given.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The log's beginning is gone: start where it begins now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line per second.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Project the log from its first entry into a candidate model, or into another database.

    An interrupted replay resumes.
    """
    chosen = {"database": into, "replay_share": share}
    settings = settings_for(data_dir, **{name: value for name, value in chosen.items() if value is not None})
    configure_logging("warning")
    run_to_end(replay_with_progress(settings, beside=into is None, until=until, partial=partial, as_json=as_json))


class _Pace:
    """Rate since the first step; a replay that goes on where it was does not count what was there before."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._first: int | None = None

    def of(self, step: Step) -> float:
        if self._first is None:
            self._first = step.position.seq
        return (step.position.seq - self._first) / max(time.monotonic() - self._started, 1e-9)


async def replay_with_progress(
    settings: Settings, *, beside: bool, until: str | None, partial: bool, as_json: bool
) -> None:
    """Replays into the database that ``settings`` name, or with ``beside`` into a model beside its live one.

    Raises:
        typer.Exit: with code 1, it was interrupted.
        TailraceError: it can't be done; says why.
    """
    stop = stop_on_signals()
    end = Cursor.parse(until) if until else None
    client = await connect_log(settings, "replay")
    try:
        with _Display(as_json) as display:
            last = await replay_log(
                client, settings, stop, candidate=beside, until=end, partial=partial, on_step=display.show
            )
            display.end(last)
    finally:
        await client.close()
    if not last.finished:
        raise typer.Exit(1)
    if beside and not as_json:
        advice = f"{last.model} is ready: `tailrace cutover` shows it to readers"
        typer.echo(advice if until is None else f"{last.model} ends there; `tailrace replay` goes on to the log's end")


class _Display:
    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._pace = _Pace()
        self._shown = 0.0
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("replaying"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cursor]}"),
            console=self._console,
            transient=True,
            disable=as_json or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, rate=0.0, cursor="")

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, step: Step) -> None:
        rate = self._pace.of(step)
        self._bar.update(self._task, completed=step.position.seq, total=step.end, rate=rate, cursor=str(step.position))
        interval = JSON_INTERVAL if self._as_json else PLAIN_INTERVAL
        if time.monotonic() - self._shown < interval or (self._console.is_terminal and not self._as_json):
            return
        self._shown = time.monotonic()
        self._say(step, rate)

    def end(self, step: Step) -> None:
        self._bar.stop()
        self._say(step, self._pace.of(step), last=True)

    def _say(self, step: Step, rate: float, *, last: bool = False) -> None:
        if self._as_json:
            line = {
                "model": step.model,
                "done": step.position.seq,
                "of": step.end,
                "per_second": round(rate),
                "cursor": str(step.position),
            }
            typer.echo(json.dumps({**line, "finished": step.finished} if last else line))
            return
        done = f"{step.position.seq:,} of {step.end:,} log entries, {rate:,.0f}/s, at {step.position}"
        if last:
            done += "; done" if step.finished else "; interrupted, the same command goes on from here"
        typer.echo(done)

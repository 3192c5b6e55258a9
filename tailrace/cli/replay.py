"""``tailrace replay``: a progress bar on a terminal, a line every few seconds elsewhere, or JSON lines."""

import json
import time
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from contracts.cursors import Cursor
from projection.declared.replay import replay_projection
from projection.replay import Step
from projection.replay import replay as replay_log
from runtime.log.connect import connect_log
from runtime.logs import configure_logging
from runtime.settings import Settings
from runtime.supervise import stop_on_signals
from tailrace.cli.options import DataDir, Name, to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import progress_bar

JSON_INTERVAL = 1.0
PLAIN_INTERVAL = 5.0


@to_end
async def replay(
    name: Name = None,
    into: Annotated[
        str | None,
        typer.Option(help="Another database, as postgresql://…; created if it is missing.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Stop there instead of at the log's end.", show_default=False)
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the time to work; 0.5 if not given.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Start at the log's first entry even if earlier ones are gone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line per second.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Project the log from its first entry into a candidate model, or into another database.

    With the name of a projection of your own, builds its newest version. An
    interrupted replay resumes.
    """
    chosen = {"database": into, "replay_share": share}
    settings = settings_for(data_dir, **{name: value for name, value in chosen.items() if value is not None})
    end = Cursor.parse(until) if until else None
    configure_logging("warning")
    if name is not None and (into, until, partial) != (None, None, False):
        raise typer.BadParameter("--into, --until and --partial are for the built-in read model")
    last = await _replay(settings, name, candidate=into is None, until=end, partial=partial, as_json=as_json)
    if not last.finished:
        raise typer.Exit(1)
    if name is not None:
        if not as_json:
            typer.echo(f"{last.model} is built; `tailrace projection list` shows which build readers see")
        return
    if into is None and not as_json:
        if until is None:
            typer.echo(f"{last.model} is ready: `tailrace cutover` shows it to readers")
        else:
            typer.echo(f"{last.model} stops at that cursor; `tailrace replay` continues to the log's end")


async def _replay(
    settings: Settings, name: str | None, *, candidate: bool, until: Cursor | None, partial: bool, as_json: bool
) -> Step:
    stop = stop_on_signals()
    columns = (
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[cursor]}", markup=False),
    )
    async with await connect_log(settings, "replay") as client:
        with progress_bar("replaying", *columns, disable=as_json, rate=0.0, cursor="") as (bar, task):
            display = _Display(bar, task, as_json=as_json)
            if name is not None:
                last = await replay_projection(client, settings, stop, name, on_step=display.show)
            else:
                last = await replay_log(
                    client, settings, stop, candidate=candidate, until=until, partial=partial, on_step=display.show
                )
        display.end(last)
    return last


class _Display:
    def __init__(self, bar: Progress, task: TaskID, *, as_json: bool) -> None:
        self._bar = bar
        self._task = task
        self._as_json = as_json
        self._started = time.monotonic()
        self._first: int | None = None
        self._printed = 0.0

    def show(self, step: Step) -> None:
        rate = self._rate(step)
        self._bar.update(self._task, completed=step.position.seq, total=step.end, rate=rate, cursor=str(step.position))
        interval = JSON_INTERVAL if self._as_json else PLAIN_INTERVAL
        if self._bar.disable and time.monotonic() - self._printed >= interval:
            self._printed = time.monotonic()
            self._print(step, rate)

    def end(self, step: Step) -> None:
        self._print(step, self._rate(step), last=True)

    def _rate(self, step: Step) -> float:
        """Entries per second since the first step; a resumed replay does not count earlier runs."""
        if self._first is None:
            self._first = step.position.seq
        return (step.position.seq - self._first) / max(time.monotonic() - self._started, 1e-9)

    def _print(self, step: Step, rate: float, *, last: bool = False) -> None:
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
            done += "; done" if step.finished else "; interrupted, run the same command to resume"
        typer.echo(done)

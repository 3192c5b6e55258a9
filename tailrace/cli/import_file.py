"""Shows an import: a progress bar on a terminal, a line now and then without one, bad lines as they come."""

import asyncio
import time
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import stamina.instrumentation
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from runtime.settings import Settings
from tailrace.cli.options import DataDir, run_to_end
from tailrace.command_client import CommandUnavailableError
from tailrace.endpoints import service_url, settings_for
from tailrace.importer.batches import Format
from tailrace.importer.importer import import_file as import_events
from tailrace.importer.report import BadLine, ImportReport, Progress

SHOWN_BAD_LINES = 20
LINE_EVERY = 5.0
"""Seconds between plain lines."""


class FormatName(StrEnum):
    """The formats that ``import`` reads."""

    ndjson = "ndjson"
    combined = "combined"


def import_file(
    file: Annotated[Path, typer.Argument(help="The file to read; - reads standard input.", allow_dash=True)],
    format: Annotated[
        FormatName, typer.Option(help="ndjson: an event per line. combined: an access log.")
    ] = FormatName.ndjson,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if a line is bad.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Send a file of events to the command service. Importing a file twice adds nothing."""
    run_to_end(import_with_progress(file, format.value, settings_for(data_dir), strict=strict))


async def import_with_progress(
    path: Path, format: Format, settings: Settings, *, strict: bool = False, console: Console | None = None
) -> ImportReport:
    """Imports a file and shows how it goes, on standard error unless another ``console`` is given.

    Raises:
        what ``import_file`` raises.
    """
    stamina.instrumentation.set_on_retry_hooks([])  # its log lines would tear the bar; the display says it itself
    with ImportDisplay(console or Console(stderr=True, highlight=False)) as display:
        report = await import_events(
            path,
            format=format,
            command_url=service_url(settings, "command"),
            strict=strict,
            on_progress=display.update,
            on_retry=display.retrying,
        )
    display.finish(report)
    return report


class ImportDisplay:
    """What a person sees of one import, as a context manager around it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._last_line = self._started
        self._phase = ""
        self._shown = 0
        self._rejected = 0
        self._unavailable = False
        self._bar: Bar | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TextColumn("{task.fields[events]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("sending", total=None, events="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        hidden = self._rejected - self._shown
        if hidden:
            self._print(f"… and {hidden:,} more bad lines")
        if kind is asyncio.CancelledError:
            self._print("stopped; importing the file again adds only what is missing")

    def update(self, progress: Progress) -> None:
        """Shows where the import stands, and the bad lines that are new."""
        self._unavailable = False
        if progress.phase != self._phase:
            self._phase, self._started = progress.phase, time.monotonic()
        for bad in progress.bad_lines[self._shown : SHOWN_BAD_LINES]:
            self._show_bad(bad)
        self._rejected = max(self._rejected, progress.rejected)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=progress.phase,
                completed=progress.position,
                total=progress.size,
                events=f"{progress.read:,} lines {self._rate(progress.read):,.0f}/s",
            )
        elif time.monotonic() - self._last_line >= LINE_EVERY:
            self._last_line = time.monotonic()
            self._print(_plain(progress, self._rate(progress.read)))

    def retrying(self, error: CommandUnavailableError) -> None:
        """Says once per outage that the import waits."""
        if not self._unavailable:
            self._unavailable = True
            self._print(f"{error}; trying again")

    def finish(self, report: ImportReport) -> None:
        """Sums up."""
        rate = report.read / report.seconds if report.seconds else 0
        self._print(
            f"{report.accepted:,} of {report.read:,} lines are in the log "
            f"({report.seconds:.1f} s, {rate:,.0f}/s); what it already had counts once"
        )
        if report.rejected:
            self._print(f"{report.rejected:,} bad lines were left out")
        if report.rejected and not report.accepted:
            self._print("not one line could be read: is it the right --format?")

    def _show_bad(self, bad: BadLine) -> None:
        self._shown += 1
        self._print(f"line {bad.number}: {bad.code}: {bad.reason}")

    def _print(self, text: str) -> None:
        self._console.print(escape(text), soft_wrap=True)

    def _rate(self, events: int) -> float:
        return events / max(time.monotonic() - self._started, 0.001)


def _plain(progress: Progress, rate: float) -> str:
    share = f"{100 * progress.position / progress.size:.0f} %, " if progress.size else ""
    left = ""
    if progress.size and rate and progress.position:
        lines_left = progress.read * (progress.size / progress.position - 1)
        left = f", {lines_left / rate:.0f} s left"
    return f"{progress.phase}: {share}{progress.read:,} lines, {rate:,.0f}/s{left}, {progress.rejected:,} bad"

"""``tailrace import``: a progress bar on a terminal, a line now and then elsewhere, and the reasons of bad lines."""

import asyncio
import signal
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import stamina.instrumentation
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from runtime.printable import printable
from runtime.settings import Settings
from tailrace.cli.options import DataDir, to_end
from tailrace.command_client import CommandUnavailableError
from tailrace.endpoints import service_url, settings_for
from tailrace.importer.formats import Format
from tailrace.importer.importer import import_file as import_events
from tailrace.importer.report import ImportReport, Progress
from tailrace.terminal import plain_console

SHOWN_REASONS = 20
"""Distinct reasons of bad lines that are printed; other lines are only counted."""
PLAIN_INTERVAL = 5.0
"""Seconds between lines without a terminal."""


class FormatName(StrEnum):
    """The formats that ``import`` reads."""

    auto = "auto"
    ndjson = "ndjson"
    combined = "combined"
    json = "json"
    w3c = "w3c"
    elb = "elb"


@to_end
async def import_file(
    file: Annotated[Path, typer.Argument(help="The file to read; - reads standard input.", allow_dash=True)],
    format: Annotated[
        FormatName,
        typer.Option(
            help="auto decides by the first lines. ndjson: an event per line, or a JSON array of events. Access logs: "
            "combined (Apache, nginx), json (Caddy, Traefik, nginx), w3c (IIS, CloudFront), elb (AWS load balancers)."
        ),
    ] = FormatName.auto,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if a line is bad.")] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out requests: address=10.0.0.0/8, agent=*bot* or path=/health*. Repeatable."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Send a file of events or an access log to the command service. Importing a file twice adds nothing.

    Reads gzip, bzip2, xz and zstd as well. After SIGTERM, it sends what it has read, then ends. Exits with 1 if the
    file has lines and none was imported.
    """
    report = await _import(file, format.value, settings_for(data_dir), strict=strict, exclude=exclude or ())
    if report.read and not report.accepted:
        raise typer.Exit(1)


async def _import(
    path: Path, format: Format, settings: Settings, *, strict: bool, exclude: Sequence[str]
) -> ImportReport:
    stamina.instrumentation.set_on_retry_hooks([])  # printed by the display
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with ImportDisplay(plain_console(stderr=True)) as display:
        report = await import_events(
            path,
            format=format,
            key=settings.write_key,
            command_url=service_url(settings, "command"),
            strict=strict,
            exclude=exclude,
            stop=stop,
            on_progress=display.update,
            on_retry=display.retrying,
        )
    display.finish(report)
    return report


class ImportDisplay:
    """Shows one import on a console; a context manager around the import."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._last_line = time.monotonic()
        self._phase = ""
        self._progress: Progress | None = None
        self._seen = 0
        self._shown: list[tuple[str, str]] = []
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
        if self._progress is not None:
            self._print_other_bad_lines(self._progress)
        if kind is asyncio.CancelledError:
            self._print("stopped; import the file again to add the rest")

    def update(self, progress: Progress) -> None:
        """Shows the progress, and each new reason of a bad line."""
        self._progress = progress
        self._unavailable = False
        if progress.phase != self._phase:
            self._phase, self._started = progress.phase, time.monotonic()
        for bad in progress.bad_lines[self._seen :]:
            reason = (bad.code, bad.reason)
            if reason not in self._shown and len(self._shown) < SHOWN_REASONS:
                self._shown.append(reason)
                self._print(f"line {bad.number}: {bad.code}: {bad.reason}")
        self._seen = len(progress.bad_lines)
        rate = progress.read / max(time.monotonic() - self._started, 0.001)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=progress.phase,
                completed=progress.position,
                total=progress.size,
                events=f"{progress.read:,} lines {rate:,.0f}/s",
            )
        elif time.monotonic() - self._last_line >= PLAIN_INTERVAL:
            self._last_line = time.monotonic()
            self._print(_plain(progress, rate))

    def retrying(self, error: CommandUnavailableError) -> None:
        """Prints once per outage that the import waits."""
        if not self._unavailable:
            self._unavailable = True
            self._print(f"{error}; retrying")

    def finish(self, report: ImportReport) -> None:
        """Prints the result."""
        rate = report.read / report.seconds if report.seconds else 0
        self._print(
            f"{report.accepted:,} of {report.read:,} lines are in the log "
            f"({report.seconds:.1f} s, {rate:,.0f}/s); duplicates count once"
        )
        if report.rejected:
            lines = "line was" if report.rejected == 1 else "lines were"
            self._print(f"{report.rejected:,} bad {lines} skipped")
        if report.excluded:
            self._print(f"{report.excluded:,} requests were left out by --exclude")
        if report.rejected and not report.accepted:
            self._print("nothing was imported: check --format")

    def _print_other_bad_lines(self, progress: Progress) -> None:
        counted = 0
        for code, reason in self._shown:
            count = progress.reasons[code, reason]
            counted += count
            if count > 1:
                self._print(f"{count - 1:,} more lines: {code}: {reason}")
        if progress.rejected > counted:
            self._print(f"… and {progress.rejected - counted:,} more bad lines")

    def _print(self, text: str) -> None:
        self._console.print(printable(text), soft_wrap=True)


def _plain(progress: Progress, rate: float) -> str:
    share = f"{100 * progress.position / progress.size:.0f} %, " if progress.size else ""
    left = ""
    if progress.size and rate and progress.position:
        lines_left = progress.read * (progress.size / progress.position - 1)
        left = f", {lines_left / rate:.0f} s left"
    return f"{progress.phase}: {share}{progress.read:,} lines, {rate:,.0f}/s{left}, {progress.rejected:,} bad"

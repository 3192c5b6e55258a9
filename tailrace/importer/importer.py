"""Imports a file: sends several batches to the command service at a time.

A thread reads and parses, so that a slow disk or pipe does not delay the answers. Several batches in flight can reach
the log in another order than the file's; ``in_flight=1`` keeps the order.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from contracts.errors import ConfigurationError, TailraceError
from tailrace.command_client import RETRY_TIMEOUT, CommandClient, CommandUnavailableError
from tailrace.importer.batches import Batch, batches
from tailrace.importer.exclusions import Exclusions
from tailrace.importer.files import STDIN, LineSource, open_lines
from tailrace.importer.formats import Format
from tailrace.importer.report import BadLine, BadLinesError, ImportReport, Progress


async def import_file(
    path: Path,
    *,
    format: Format,
    command_url: str,
    key: str | None = None,
    strict: bool = False,
    exclude: Sequence[str] = (),
    stop: asyncio.Event | None = None,
    batch_size: int = 500,
    in_flight: int = 4,
    retry_timeout: float = RETRY_TIMEOUT,
    on_progress: Callable[[Progress], None],
    on_retry: Callable[[CommandUnavailableError], None] | None = None,
) -> ImportReport:
    """Sends a file's events to the command service. Importing it again, whole or after an interruption, adds nothing.

    Bad lines are counted and skipped. With ``strict`` the whole file is checked first, and nothing is sent if a line is
    bad. ``exclude`` are patterns of requests to leave out; see ``Exclusions``. ``stop`` ends the file early: what was
    read is sent. ``on_progress`` is called after each batch, ``on_retry`` before each retry; ``retry_timeout`` is in
    seconds.

    Raises:
        BadLinesError: with ``strict``, there were bad lines.
        ConfigurationError: the file, the address, or a combination of arguments can't be used.
        TailraceError: the file ends early, or the command service does not accept the events; sent events stay.
    """
    started = time.monotonic()
    if strict:
        if path == STDIN:
            raise ConfigurationError("--strict reads the file twice, so it can't read standard input")
        await _check(path, format, batch_size, Exclusions(*exclude), on_progress, started)
    exclusions = Exclusions(*exclude)
    with open_lines(path) as source:
        progress = Progress("sending", size=source.size)
        async with CommandClient(command_url, key=key, retry_timeout=retry_timeout, on_retry=on_retry) as client:
            try:
                with _stopping(source, stop):
                    upcoming = batches(source, format, batch_size, exclusions)
                    await _send_all(client, upcoming, in_flight, progress, on_progress)
            except TailraceError as error:
                imported = f"at least {progress.accepted:,} events were imported"
                raise TailraceError(f"{error}; {imported}: import the file again to add the rest") from None
    progress.excluded = exclusions.count
    report = progress.report(time.monotonic() - started)
    if strict and report.rejected:
        raise BadLinesError(f"{report.rejected:,} of {report.read:,} lines were refused, the others sent", report)
    return report


async def _check(
    path: Path,
    format: Format,
    batch_size: int,
    exclusions: Exclusions,
    on_progress: Callable[[Progress], None],
    started: float,
) -> None:
    with open_lines(path) as source:
        progress = Progress("checking", size=source.size)
        async for batch in _in_thread(batches(source, format, batch_size, exclusions)):
            _count(progress, batch, on_progress)
    if progress.rejected:
        report = progress.report(time.monotonic() - started)
        raise BadLinesError(f"{report.rejected:,} of {report.read:,} lines are bad; nothing was sent", report)


async def _send_all(
    client: CommandClient,
    upcoming: Iterator[Batch],
    in_flight: int,
    progress: Progress,
    on_progress: Callable[[Progress], None],
) -> None:
    free = asyncio.Semaphore(in_flight)

    async def send(batch: Batch) -> None:
        try:
            if batch.events:
                answer = await client.send(batch.events)
                progress.accepted += answer.accepted
                progress.add_cursor(answer.cursor)
                progress.add_bad([BadLine(batch.numbers[one.index], one.code, one.message) for one in answer.rejected])
            _count(progress, batch, on_progress)
        finally:
            free.release()

    broken: TailraceError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            try:
                async for batch in _in_thread(upcoming):
                    await free.acquire()
                    group.create_task(send(batch))
            except TailraceError as error:
                broken = error  # the batches before are still sent
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    if broken is not None:
        raise broken


async def _in_thread(upcoming: Iterator[Batch]) -> AsyncIterator[Batch]:
    while (batch := await asyncio.to_thread(next, upcoming, None)) is not None:
        yield batch


@contextmanager
def _stopping(source: LineSource, stop: asyncio.Event | None) -> Iterator[None]:
    """Stops ``source`` when ``stop`` is set."""
    if stop is None:
        yield
        return

    async def wait() -> None:
        await stop.wait()
        source.stop()

    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()


def _count(progress: Progress, batch: Batch, on_progress: Callable[[Progress], None]) -> None:
    progress.read += batch.lines
    progress.position = max(progress.position, batch.end)
    progress.add_bad(batch.bad)
    on_progress(replace(progress))

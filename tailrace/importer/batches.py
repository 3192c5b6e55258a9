"""Parses the lines of a file into batches of events."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

from contracts.errors import EventRejectedError, TailraceError
from tailrace.importer.exclusions import Exclusions
from tailrace.importer.files import MAX_LINE, Line, LineSource
from tailrace.importer.formats import Format, Known, detect, parser_of
from tailrace.importer.ids import LineIds
from tailrace.importer.report import BadLine

_BATCH_BYTES = 1024 * 1024
"""A sixteenth of the command service's default limit of one request."""
_DETECTED_LINES = 20
"""The first lines of a file, which decide about its format."""


class Batch(NamedTuple):
    """Consecutive lines. ``events[i]`` is from line ``numbers[i]``; ``end`` is the position behind them in bytes."""

    events: list[bytes]
    numbers: list[int]
    bad: list[BadLine]
    end: int

    @property
    def lines(self) -> int:
        """The number of lines, without blank, excluded and directive ones."""
        return len(self.events) + len(self.bad)


def batches(
    source: LineSource, format: Format, batch_size: int, exclusions: Exclusions | None = None
) -> Iterator[Batch]:
    """Yields the file in batches of up to ``batch_size`` lines; a bad line does not affect the others.

    A pipe's lines are yielded when it pauses.

    Raises:
        TailraceError: the file can't be read to its end; the lines before were yielded.
    """
    ids = LineIds()
    batch = Batch([], [], [], 0)
    size = 0
    try:
        lines, known = _with_format(iter(source), format)
        parse = parser_of(known, exclusions or Exclusions())
        for line in lines:
            if line is not None:
                number, text = line
                try:
                    if text is None:
                        raise EventRejectedError("line_too_long", f"the line has more than {MAX_LINE:,} bytes")
                    event = parse(text, partial(ids.next_id, text))
                except EventRejectedError as error:
                    batch.bad.append(BadLine(number, error.code, error.message))
                else:
                    if event is not None:
                        batch.events.append(event)
                        batch.numbers.append(number)
                        size += len(event)
            if batch.lines >= batch_size or size >= _BATCH_BYTES or (line is None and batch.lines):
                yield batch._replace(end=source.position)
                batch, size = Batch([], [], [], 0), 0
    except TailraceError:
        yield batch._replace(end=source.position)
        raise
    yield batch._replace(end=source.position)


def _with_format(lines: Iterator[Line | None], format: Format) -> tuple[Iterator[Line | None], Known]:
    if format != "auto":
        return lines, format
    first: list[Line] = []
    for line in lines:
        if line is None and first:
            break  # a pipe pauses: decide by what there is
        if line is not None:
            first.append(line)
            if len(first) == _DETECTED_LINES:
                break
    return chain(first, lines), detect([line.text for line in first if line.text])

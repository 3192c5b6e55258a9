"""Parses the lines of a file into batches of events."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from contracts.errors import EventRejectedError, TailraceError
from tailrace.importer.files import MAX_LINE, LineSource
from tailrace.importer.formats import PARSERS, Format
from tailrace.importer.ids import LineIds
from tailrace.importer.report import BadLine

_BATCH_BYTES = 1024 * 1024
"""A sixteenth of the command service's default limit of one request."""


class Batch(NamedTuple):
    """Consecutive lines. ``events[i]`` is from line ``numbers[i]``; ``end`` is the position behind them in bytes."""

    events: list[bytes]
    numbers: list[int]
    bad: list[BadLine]
    end: int

    @property
    def lines(self) -> int:
        """The number of lines, without blank ones."""
        return len(self.events) + len(self.bad)


def batches(source: LineSource, format: Format, batch_size: int) -> Iterator[Batch]:
    """Yields the file in batches of up to ``batch_size`` lines; a bad line does not affect the others.

    Raises:
        TailraceError: the file can't be read to its end; the lines before were yielded.
    """
    parse = PARSERS[format]
    ids = LineIds()
    batch = Batch([], [], [], 0)
    size = 0
    try:
        for number, text in source:
            try:
                if text is None:
                    raise EventRejectedError("line_too_long", f"the line has more than {MAX_LINE:,} bytes")
                event = parse(text, partial(ids.next_id, text))
            except EventRejectedError as error:
                batch.bad.append(BadLine(number, error.code, error.message))
            else:
                batch.events.append(event)
                batch.numbers.append(number)
                size += len(event)
            if batch.lines >= batch_size or size >= _BATCH_BYTES:
                yield batch._replace(end=source.position)
                batch, size = Batch([], [], [], 0), 0
    except TailraceError:
        yield batch._replace(end=source.position)
        raise
    yield batch._replace(end=source.position)

"""From lines to batches of events that are ready to be sent."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

from contracts.errors import EventRejectedError, TailraceError
from tailrace.importer.combined import parse_combined
from tailrace.importer.files import MAX_LINE, LineSource
from tailrace.importer.ids import LineIds
from tailrace.importer.ndjson import parse_ndjson
from tailrace.importer.report import BadLine

Format = Literal["ndjson", "combined"]

_BATCH_BYTES = 1024 * 1024
"""A sixteenth of what the command service takes in one request by default."""

_PARSERS: dict[Format, Callable[[bytes, Callable[[], UUID]], bytes]] = {
    "ndjson": parse_ndjson,
    "combined": parse_combined,
}


class Batch(NamedTuple):
    """A stretch of a file. ``events[i]`` is of line ``numbers[i]``; ``end`` is the position (bytes) it reaches to."""

    events: list[bytes]
    numbers: list[int]
    bad: list[BadLine]
    end: int

    @property
    def lines(self) -> int:
        """How many lines it came from, blank ones not counted."""
        return len(self.events) + len(self.bad)


def batches(source: LineSource, format: Format, batch_size: int) -> Iterator[Batch]:
    """Yields the file in batches of up to ``batch_size`` lines; a bad line spoils none of the others.

    Raises:
        TailraceError: the file can't be read to its end; what came before has been yielded.
    """
    parse = _PARSERS[format]
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

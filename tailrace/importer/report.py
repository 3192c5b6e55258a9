"""What an import says while it runs and at its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from contracts.cursors import Cursor
from contracts.errors import TailraceError

KEPT_BAD_LINES = 1_000
"""Bad lines a report names; the others are only counted."""


class BadLine(NamedTuple):
    """A line that was not imported. ``number`` counts all lines of the file from 1; ``code`` is for machines."""

    number: int
    code: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """Where an import stands. ``size`` is None where a file's size can't be known (bytes; ``position`` too)."""

    phase: Literal["checking", "sending"]
    position: int
    size: int | None
    read: int
    accepted: int
    rejected: int
    bad_lines: Sequence[BadLine]


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    ``read`` counts the lines that aren't blank and is ``accepted`` + ``rejected``. ``accepted`` events are in the log,
    whether they were there before or not: the log itself knows only for a short time, the tables count an id once.
    ``bad_lines`` are the first of the rejected. ``cursor`` is the position behind the last event, None without one.
    """

    read: int
    accepted: int
    rejected: int
    bad_lines: list[BadLine]
    cursor: str | None
    seconds: float


class BadLinesError(TailraceError):
    """A strict import met bad lines; ``report`` says which and what was done."""

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


@dataclass
class Tally:
    """The running count behind both."""

    phase: Literal["checking", "sending"]
    size: int | None
    position: int = 0
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    last: Cursor | None = None

    def add_bad(self, lines: Sequence[BadLine]) -> None:
        """Counts bad lines and keeps the first."""
        self.rejected += len(lines)
        self.bad_lines += lines[: KEPT_BAD_LINES - len(self.bad_lines)]

    def add_cursor(self, text: str | None) -> None:
        """Keeps the furthest position; batches are answered in any order."""
        cursor = Cursor.parse(text) if text else None
        if cursor is not None and (self.last is None or cursor.seq > self.last.seq):
            self.last = cursor

    def progress(self) -> Progress:
        """Where it stands now."""
        return Progress(
            self.phase, self.position, self.size, self.read, self.accepted, self.rejected, tuple(self.bad_lines)
        )

    def report(self, seconds: float) -> ImportReport:
        """The end of it."""
        cursor = str(self.last) if self.last is not None else None
        return ImportReport(self.read, self.accepted, self.rejected, sorted(self.bad_lines), cursor, seconds)

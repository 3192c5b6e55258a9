"""The progress and the result of an import."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from contracts.cursors import Cursor
from contracts.errors import TailraceError

MAX_NAMED = 1_000
"""Bad lines that a report names, and distinct reasons that it counts; it only counts the other lines."""


class BadLine(NamedTuple):
    """A line that was not imported. ``number`` counts all lines of the file from 1; ``code`` is for machines."""

    number: int
    code: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    ``read`` counts the lines that are not blank, directives or ``excluded``. It is ``accepted`` + ``rejected``.
    ``accepted`` events are in the log, duplicates included: the tables count each id once. ``bad_lines`` are the first
    rejected lines. ``cursor`` is the position of the last event, None if there is none.
    """

    read: int
    accepted: int
    rejected: int
    bad_lines: list[BadLine]
    cursor: str | None
    seconds: float
    excluded: int = 0


class BadLinesError(TailraceError):
    """A strict import found bad lines; ``report`` names them."""

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


@dataclass
class Progress:
    """The counts of a running import. ``position`` and ``size`` are in bytes; ``size`` is None if it is unknown."""

    phase: Literal["checking", "sending"]
    position: int = 0
    size: int | None = None
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The number of bad lines per code and reason."""
    last: Cursor | None = None
    excluded: int = 0

    def add_bad(self, lines: Sequence[BadLine]) -> None:
        """Counts bad lines and names the first."""
        self.rejected += len(lines)
        self.bad_lines += lines[: MAX_NAMED - len(self.bad_lines)]
        for line in lines:
            reason = (line.code, line.reason)
            if reason in self.reasons or len(self.reasons) < MAX_NAMED:
                self.reasons[reason] += 1

    def add_cursor(self, text: str | None) -> None:
        """Stores the furthest position; batches are answered in any order."""
        cursor = Cursor.parse(text) if text else None
        if cursor is not None and (self.last is None or cursor.seq > self.last.seq):
            self.last = cursor

    def report(self, seconds: float) -> ImportReport:
        """Returns the result."""
        cursor = str(self.last) if self.last is not None else None
        bad_lines = sorted(self.bad_lines)
        return ImportReport(self.read, self.accepted, self.rejected, bad_lines, cursor, seconds, self.excluded)

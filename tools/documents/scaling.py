"""The figures of docs/scaling.md, between its two marks: from docs/benchmarks.md, and what follows from them."""

import re
from collections.abc import Iterator

from contracts.errors import ConfigurationError

BEGIN = "<!-- figures: from docs/benchmarks.md, by ./just docs -->\n"
END = "<!-- end of the figures -->"

DAY = 86_400
RATE = 1_000
"""Events a second of which it is said what they take."""


class Benchmarks:
    """The tables of docs/benchmarks.md."""

    def __init__(self, page: str) -> None:
        parts = (part.partition("\n") for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:])
        self._sections = {title.strip(): _rows(body) for title, _, body in parts}

    def figure(self, section: str, row: str, column: int) -> float:
        """The figure in a row of a section; columns count from 1, behind the row's title.

        Raises:
            ConfigurationError: it isn't there.
        """
        try:
            return float(self._sections[section][row][column].replace(",", ""))
        except (KeyError, IndexError, ValueError):
            raise ConfigurationError(
                f"docs/benchmarks.md has no figure “{row}” in “{section}”: measure it with ./just bench"
            ) from None


def scaling_page(page: str, benchmarks: str) -> str:
    """The page with its figures written anew.

    Raises:
        ConfigurationError: a figure is not there, or the marks are not.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ConfigurationError(
            f"docs/scaling.md has no lines {BEGIN.strip()} and {END}, between which its figures are"
        )
    lines = "\n".join(_figures(Benchmarks(benchmarks)))
    return f"{head}{begin}\n{lines}\n\n{end}{tail}"


def _figures(found: Benchmarks) -> Iterator[str]:
    taken, copied = (found.figure("Cluster", "at full speed: acknowledged events/s", column) for column in (1, 3))
    away = found.figure("Cluster", "leader killed: without an acknowledgement, longest, s", 3)
    projected = found.figure("Replay", "log entries/s", 1)
    fanned_out = found.figure("Fan-out", "events/s, all clients", 1)
    clients = found.figure("Fan-out", "clients", 1)
    idle = found.figure("Clients", "per idle client, kB", 1)
    hour = 3_600 * RATE / projected / 60
    yield "| part | here | what it implies |\n| --- | --- | --- |"
    rows = (
        ("log, one server", f"{taken:,.0f} events/s", _a_day(taken)),
        ("log, three copies on one machine", f"{copied:,.0f} events/s", _a_day(copied)),
        (
            "log, its leader killed",
            f"{away:.1f} s without an acknowledgement",
            f"at {RATE:,} events/s, {away * RATE:,.0f} of them wait at their senders",
        ),
        (
            "one projector",
            f"{projected:,.0f} events/s",
            f"{_a_day(projected)}; an hour at {RATE:,} events/s is projected in {hour:.0f} min",
        ),
        (
            "one query process",
            f"{fanned_out:,.0f} events/s to {clients:,.0f} clients, all together",
            f"at {RATE:,} events/s, {clients:,.0f} clients that get every one take {clients * RATE / fanned_out:.0%}"
            f" of it; more than {clients:,.0f} at once were not measured",
        ),
        ("a live client that waits", f"{idle:,.0f} kB", f"{1e6 / idle:,.0f} of them in a gigabyte"),
    )
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _a_day(rate: float) -> str:
    return f"{rate * DAY / 1e6:,.0f} million a day"


def _rows(body: str) -> dict[str, list[str]]:
    cells = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("|")
    )
    return {row[0]: row for row in cells}

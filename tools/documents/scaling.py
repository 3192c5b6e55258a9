"""The figures of docs/scaling.md, between its two marks: from docs/benchmarks.json, and what follows from them."""

from collections.abc import Iterator

from tools.documents.benchmarks import Results, figure
from tools.documents.marks import with_figures

DAY = 86_400
RATE = 1_000
"""Events per second that the last column is about."""


def scaling_page(page: str, results: Results) -> str:
    """The page with its figures written again.

    Raises:
        ConfigurationError: a figure was not measured, or the page has no marks.
    """
    return with_figures(page, "docs/scaling.md", "docs/benchmarks.json", _figures(results))


def _figures(results: Results) -> Iterator[str]:
    def rate(benchmark: str, row: str) -> float:
        return figure(results, benchmark, row, "events/s")

    one, copied, ndjson = (rate("ingest", row) for row in ("raw publisher", "raw publisher, 3 copies", "NDJSON"))
    drained, fanned_out = rate("drain", "in order: Tailrace"), rate("clients", "Tailrace")
    clients, idle = (figure(results, "clients", "Tailrace", column) for column in ("clients", "kB/idle client"))
    minutes = 3_600 * RATE / drained / 60
    rows = (
        ("log, one server", f"{one:,.0f} events/s", _a_day(one)),
        ("log, three copies on one machine", f"{copied:,.0f} events/s", _a_day(copied)),
        ("one command service, 500 events per request", f"{ndjson:,.0f} events/s", _a_day(ndjson)),
        (
            "one projector",
            f"{drained:,.0f} events/s",
            f"{_a_day(drained)}; it projects an hour at {RATE:,} events/s in {minutes:.0f} min",
        ),
        (
            "one query service",
            f"{fanned_out:,.0f} events/s to {clients:,.0f} clients together",
            f"at {RATE:,} events/s, {clients:,.0f} clients of all events use {clients * RATE / fanned_out:.0%} of it",
        ),
        ("an idle client of `/ws`", f"{idle:,.0f} kB", f"{1e6 / max(idle, 1):,.0f} clients per gigabyte"),
    )
    yield "| part | here | what it implies |\n| --- | --- | --- |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _a_day(rate: float) -> str:
    return f"{rate * DAY / 1e6:,.0f} million a day"

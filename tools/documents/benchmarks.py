"""docs/benchmarks.md from docs/benchmarks.json, which ``just bench`` writes; and the goals of its figures."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from contracts.errors import ConfigurationError
from tools.documents.tables import table

Results = dict[str, dict[str, Any]]
"""What each benchmark measured: ``rows``, ``command``, ``text``, ``date``, ``machine`` and ``versions``."""

_HEAD = """# Benchmarks

Written by `./just docs` from `docs/benchmarks.json`, which `./just bench` writes: some 15 minutes on an idle machine.
`./just bench NAME` runs one benchmark and prints its table; `--quick` only shows that it works.

Each benchmark runs on servers of its own on one machine, which the programs under test, their peers, the log, the
database and the clients share. Ratios compare what the same run measured. CPU time (µs per event, of each process)
hardly depends on what else a machine does; rates do. `tailrace verify` compares every projected model with its log
before the run counts. [Plots](benchmark-plots.md) show the figures of this page.
"""


class Goal(NamedTuple):
    """An upper limit of a figure, or with ``least`` a lower one; ``record`` says why it is missed, if it is.

    Results of ``--users N`` are a benchmark of their own.
    """

    what: str
    benchmark: str
    row: str
    column: str
    limit: float
    least: bool = False
    record: str = "0154-goals-that-are-missed"


REPLAYED = "× built-in model, replay"
GOALS = (
    Goal("projector, CPU per event", "drain", "in order: Tailrace", "process µs", 11),
    Goal("projector, CPU of Postgres per event", "drain", "in order: Tailrace", "Postgres µs", 11),
    Goal("projector, scattered events", "drain", "scattered: Tailrace", "process µs", 14),
    Goal("projector, scattered events, Postgres", "drain", "scattered: Tailrace", "Postgres µs", 13),
    Goal("drain by FastStream's", "drain", "in order: Tailrace", "× FastStream", 5.5, least=True),
    Goal("drain by the `COPY` limit", "drain", "in order: Tailrace", "× COPY", 0.25, least=True),
    Goal("database, bytes per event", "drain", "in order: Tailrace", "bytes/event", 350),
    Goal("replay by the version before", "replay", "replay", "× replay before", 2.2, least=True),
    Goal("verify, entries/s", "replay", "verify", "events/s", 40_000, least=True),
    Goal("unique users of 30 days, ms", "scale", "10,000,000", "users ms", 60),
    Goal("unique users of a type, ms", "scale", "10,000,000", "users of a type ms", 60),
    Goal("unique users of local days, ms", "scale", "10,000,000", "users by local day ms", 60),
    Goal("unique users, 1,000,000 users, ms", "scale, 1,000,000 users", "10,000,000", "users ms", 150),
    Goal("what the page asks, ms", "scale", "10,000,000", "page ms", 100),
    Goal("memory of the projector, growth", "scale", "10,000,000", "× projector MB before", 1.1),
    Goal("catch-up over `/ws` by the version before", "catchup", "everything", "× everything before", 2.5, least=True),
    Goal("publish → frame, 200 clients, p99 ms", "live", "200 clients: Tailrace", "p99 ms", 25),
    Goal("decode, CPU per event", "decode", "Tailrace, a batch", "process µs", 2),
    Goal("decode to rows, CPU per event", "decode", "Tailrace, a batch with its rows", "process µs", 3),
    Goal("projector at 20 events/s, CPU per event", "trickle", "20 events/s", "process µs", 1_000),
    Goal("replay of a rollup by the built-in model's", "projections", "Rollup, replay", REPLAYED, 0.8, least=True),
    Goal("replay of a fold by the built-in model's", "projections", "Fold, replay", REPLAYED, 0.5, least=True),
    Goal("20 rollups, events/s", "projections", "20 rollups, together", "events/s", 2_000, least=True),
    Goal("single `POST /events` per second", "ingest", "POST", "events/s", 10_000, least=True),
    Goal("NDJSON with the projector, events/s", "ingest", "NDJSON, projector running", "events/s", 35_000, least=True),
    Goal("NDJSON, events/s", "ingest", "NDJSON", "events/s", 60_000, least=True),
    Goal("import by the drain", "imports", "import", "× drain", 0.7, least=True),
)


def read_results(docs: Path) -> Results:
    """The results that are kept below ``docs``."""
    results: Results = json.loads((docs / "benchmarks.json").read_text(encoding="utf-8"))
    return results


def figure(results: Results, benchmark: str, row: str, column: str) -> float:
    """A figure of the results.

    Raises:
        ConfigurationError: it was not measured.
    """
    for found in results.get(benchmark, {}).get("rows", []):
        if found[""] == row and column in found:
            return float(found[column])
    raise ConfigurationError(
        f"docs/benchmarks.json has no figure “{column}” of “{row}”: "
        f"run ./just bench {benchmark.partition(',')[0]} --write docs/benchmarks.json"
    )


def benchmarks_page(results: Results) -> str:
    """The page's text."""
    return _HEAD + _goals(results) + "".join(_section(name, results[name]) for name in sorted(results))


def _goals(results: Results) -> str:
    rows = []
    for goal in GOALS:
        limit = f"{'≥' if goal.least else '≤'} {goal.limit:,g}"
        row: dict[str, Any] = {"": goal.what, "goal": limit, "measured": None, "met": "not measured"}
        with suppress(ConfigurationError):
            measured = figure(results, goal.benchmark, goal.row, goal.column)
            met = measured >= goal.limit if goal.least else measured <= goal.limit
            why = f": [{goal.record[:4]}](decisions/{goal.record}.md)" if goal.record else ""
            row |= {"measured": measured, "met": "yes" if met else f"no{why}"}
        rows.append(row | {"benchmark": goal.benchmark})
    return f"\n## Goals\n\n{table(rows)}\n"


def _section(name: str, result: dict[str, Any]) -> str:
    about = f"{result['date']}: {result['machine']}; {result['versions']}."
    command = f"```sh\n{result['command']}\n```"
    if "--quick" in result["command"]:
        about = f"Measured with `--quick`: these figures only show that the benchmark works. {about}"
    return f"\n## {name}\n\n{command}\n\n{result['text']}\n\n{table(result['rows'])}\n\n{about}\n"

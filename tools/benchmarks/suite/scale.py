"""One read model after 10,000, 1,000,000 and 10,000,000 events of the same days and users, each on top of the last.

Figures are milliseconds of `GET /stats`, p50, one question after the other; `users` are exact unique users of the days,
also of each local day in Asia/Kolkata; `page` is what the page asks, without `top`. `top` are paths and their visitors,
from `pages`; `top of events` are the values of another property. The last row has the rate and the memory of `tailrace
verify`. Some 12 minutes at full size: `./just bench` without a name leaves it out.
`--users 1000000` has users enough for most events to be of another one; its results are kept apart.
"""

import time
from datetime import UTC, datetime, timedelta

import httpx

from tools.benchmarks.bench import DAYS, SIZE, Bench, execute
from tools.benchmarks.process import Row
from tools.benchmarks.report import percentile

SECONDS = 2.0  # for each question


async def run(bench: Bench) -> list[Row]:
    """Grow the model and ask at each size."""
    rows: list[Row] = []
    full = bench.size(10_000_000, 5_000)
    sizes = [full // 5, full] if bench.options.quick else [full // 1_000, full // 10, full]
    log = await bench.log()
    target = await bench.target(log)
    query = await bench.tailrace(target, "serve", "query")
    projector = await bench.tailrace(target, "serve", "projection")
    for before, size in zip([0, *sizes], sizes, strict=False):
        await bench.fill(log, bench.workload(size - before, seed=size))
        bench.say(f"projecting {size:,} events")
        await bench.follow(target, projector, size)
        row = {"": f"{size:,}", "bytes/event": await execute(target.dsn, SIZE) / size}
        row |= {"projector MB": projector.memory() / 1e6, "query MB": query.memory() / 1e6}
        if rows:
            row["× projector MB before"] = row["projector MB"] / rows[-1]["projector MB"]
        bench.say("asking")
        rows.append(row | ask(target.query, bench.options.days or DAYS))
    verified = await bench.verify(target)
    rows[-1] |= {"verified/s": verified["events/s"], "verify MB": verified["peak MB"]}
    return rows


def ask(url: str, days: int) -> Row:
    """The p50 of the answers to each question, in milliseconds."""
    end, row = datetime.now(UTC), {}
    day, span = ({"from": (end - timedelta(days=n)).isoformat(), "to": end.isoformat()} for n in (1, days))
    questions: dict[str, dict[str, str]] = {
        "all time ms": {},
        "counts ms": span | {"bucket": "day", "users": "false"},
        "users of a day ms": day | {"bucket": "hour"},
        "users ms": span | {"bucket": "day"},
        "users of a type ms": span | {"bucket": "day", "event_type": "add_to_cart"},
        "users by local day ms": span | {"bucket": "day", "tz": "Asia/Kolkata", "users": "series"},
        "page ms": span | {"bucket": "auto", "compare": "previous"},
        "top ms": {
            "from": f"{end - timedelta(days=days):%Y-%m-%dT00:00:00Z}",
            "top": "event_data.path",
            "users": "false",
        },
        "top of events ms": span | {"top": "event_data.device", "users": "false"},
    }
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        for name, parameters in questions.items():
            took: list[float] = []
            while len(took) < 3 or (sum(took) < SECONDS * 1000 and len(took) < 100):
                began = time.perf_counter()
                http.get("/stats", params=parameters).raise_for_status()
                took.append((time.perf_counter() - began) * 1000)
            row[name] = percentile(took[1:], 50)
    return row

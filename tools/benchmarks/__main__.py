"""``just bench [NAME …]``: measure, print tables, and with ``--write`` keep the results."""

import argparse
import asyncio
import json
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import uvloop

from contracts.errors import TailraceError
from tools.benchmarks import suite
from tools.benchmarks.bench import Options, open_bench
from tools.benchmarks.report import describe_machine
from tools.documents.tables import table

NAMES = [module.name for module in iter_modules(suite.__path__)]
SHORT = [name for name in NAMES if name != "scale"]


def main() -> None:
    """Run the benchmarks; exit code 1 if one fails, 128 and the signal's number if interrupted."""
    parser = argparse.ArgumentParser(prog="just bench", description=f"Benchmarks: {', '.join(NAMES)}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all but scale without one")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--events", type=int, help="log entries")
    parser.add_argument("--users", type=int, help="users that the events are of (50,000)")
    parser.add_argument("--days", type=int, help="days over which the events happen (30)")
    parser.add_argument("--database", help="a database on another Postgres server, where others are made and dropped")
    parser.add_argument("--against", metavar="COMMIT", help="measure this version of the program as well")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the results in this JSON file")
    asked = vars(parser.parse_args())
    names, file = asked.pop("names") or SHORT, asked.pop("write")
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for thousands of clients
    for name in names:
        try:
            found = uvloop.run(measure(name, Options(**asked)))
        except TailraceError as error:
            sys.exit(f"{name}: {error}")
        sys.stdout.write(f"\n{name}\n\n{table(found['rows'])}\n")
        if file is not None:
            kept = json.loads(file.read_text()) if file.exists() else {}
            key = name if asked["users"] is None else f"{name}, {asked['users']:,} users"
            file.write_text(json.dumps(kept | {key: found}, indent=1, ensure_ascii=False) + "\n")


async def measure(name: str, options: Options) -> dict[str, Any]:
    """Run one benchmark on servers of its own; SIGINT and SIGTERM cancel it, and its servers end."""
    task, module = asyncio.current_task(), import_module(f"{suite.__name__}.{name}")
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel, number)
    try:
        async with open_bench(options, lambda text: sys.stderr.write(f"{name}: {text}\n")) as bench:
            rows = await module.run(bench)
            machine = await describe_machine(bench.postgres)
    except asyncio.CancelledError as error:
        sys.exit(128 + error.args[0])
    changed = {key: value for key, value in options._replace(database=None)._asdict().items() if value}
    given = [f" --{key}{'' if value is True else f' {value}'}" for key, value in changed.items()]
    command = f"./just bench {name}{''.join(given)}"
    return {"command": command, "text": (module.__doc__ or "").strip(), **machine, "rows": rows}


if __name__ == "__main__":
    main()

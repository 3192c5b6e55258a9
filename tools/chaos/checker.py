"""Compares what producers and clients know with the log, and the log with every table and answer."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import httpx
import msgspec

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from runtime.log.connect import connect_nats
from runtime.log.reader import LogReader
from tools.chaos.system import ChaosSystem
from tools.chaos.workload import History

BATCH = 1_000
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
"""Control characters in UTF-8, except tab and newline."""


async def read_log(system: ChaosSystem) -> list[LogEntry]:
    """Returns every entry of the log."""
    client = await connect_nats(system.nats.url, "chaos", allow_reconnect=False)
    try:
        state = await client.state()
        reader, entries = LogReader(client, Cursor(state.epoch, 0)), list[LogEntry]()
        while reader.position.seq < state.last_seq:
            entries += await reader.read(BATCH, 1)
        await reader.close()
        return entries
    finally:
        await client.close()


class Findings(NamedTuple):
    """Acknowledged events that the log lost, ids that are counted twice, and a sentence for each difference."""

    lost: int
    doubled: int
    differences: list[str]


async def examine(system: ChaosSystem, history: History, folder: Path) -> Findings:
    """Compares everything once the system has settled."""
    entries, stats, rows = await read_log(system), await _stats(system), await _rows(system)
    found = [
        *compare(history, entries, stats, rows),
        *await _of_command("verify", folder),
        *await _of_command("status", folder),
        *_of_output(folder),
    ]
    return Findings(len(lost_ids(history, entries)), len(rows) - len(set(rows)), found)


def lost_ids(history: History, entries: list[LogEntry]) -> set[UUID]:
    """Returns the acknowledged ids that are not in the log."""
    return history.acknowledged - {entry.event_id for entry in entries}


def compare(history: History, entries: list[LogEntry], stats: Any, rows: list[str]) -> Iterator[str]:
    """Yields a sentence for each difference between the log and what clients, ``/stats`` and the ids of rows say."""
    yield from _of_history(history, entries)
    yield from _of_answers(entries, stats)
    yield from _of_rows(entries, rows)


def _of_history(history: History, entries: list[LogEntry]) -> Iterator[str]:
    if lost := lost_ids(history, entries):
        yield f"{len(lost)} acknowledged events are not in the log: {sorted(map(str, lost))[:3]}"
    logged = [(entry.seq, str(entry.event_id)) for entry in entries]
    for number, stream in enumerate(history.streams):
        if stream != logged:
            at = next((i for i, pair in enumerate(zip(stream, logged, strict=False)) if pair[0] != pair[1]), None)
            yield f"client {number} of /ws has {len(stream)} entries of {len(logged)}, and differs at {at}"
    if history.gaps:
        yield f"clients received gaps: {history.gaps[:3]}"


def _of_answers(entries: list[LogEntry], stats: Any) -> Iterator[str]:
    first = {entry.event_id: msgspec.json.decode(entry.payload) for entry in reversed(entries)}
    types = Counter(event["event_type"] for event in first.values())
    expected = {
        "events": len(first),
        "users": len({event["user_id"] for event in first.values()}),
        "by_type": {name: events for name, events in sorted(types.items())},
    }
    found = {**stats["totals"], "by_type": {row["event_type"]: row["events"] for row in stats["by_type"]}}
    if {**found, "by_type": dict(sorted(found["by_type"].items()))} != expected:
        yield f"/stats says {found}; the log has {expected}"


def _of_rows(entries: list[LogEntry], rows: list[str]) -> Iterator[str]:
    if doubled := len(rows) - len(set(rows)):
        yield f"{doubled} ids are counted more than once"
    if missing := {str(entry.event_id) for entry in entries} - set(rows):
        yield f"{len(missing)} ids of the log have no row"


def _of_output(folder: Path) -> Iterator[str]:
    for file in (folder / "logs").iterdir():
        if file.stem in ("command", "projection", "query") and (found := _CONTROL.search(file.read_bytes())):
            yield f"{file.name} contains the control character {found[0]!r}"


async def _stats(system: ChaosSystem) -> Any:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.get(f"{system.endpoints.query}/stats")
        return answer.json()


async def _rows(system: ChaosSystem) -> list[str]:
    connection = await asyncpg.connect(system.endpoints.database)
    try:
        return [str(row[0]) for row in await connection.fetch("select event_id from analytics_events")]
    finally:
        await connection.close()


async def run_command(command: str, folder: Path, *more: str) -> tuple[int, str]:
    """Runs a command of ``tailrace`` on the system in ``folder``; returns its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tailrace", command, "--data-dir", str(folder), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")


async def _of_command(command: str, folder: Path) -> list[str]:
    code, output = await run_command(command, folder)
    found = [] if code == 0 else [f"`tailrace {command}` exits with {code}: {output.strip()[-1000:]}"]
    if control := _CONTROL.search(output.encode()):
        found.append(f"the output of `tailrace {command}` contains the control character {control[0]!r}")
    return found

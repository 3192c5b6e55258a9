"""A short run of ``just chaos``, and what its parts promise: each fault happens, each broken promise is found."""

import asyncio
import json
import os
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contracts.entries import LogEntry
from tools.chaos.checker import compare
from tools.chaos.disks import LEFT, mounted
from tools.chaos.faults import KILLS, Fault, nothing
from tools.chaos.measuring import beyond_bounds, longest_turn
from tools.chaos.proxy import Mode, Proxy
from tools.chaos.result import Result
from tools.chaos.run import Run
from tools.chaos.schedule import COSTLY_EVERY, Schedule
from tools.chaos.workload import History

SECONDS = 60.0
"""How long faults happen; the schedule of this seed has kills, stopped processes and broken connections."""
SEED = 1


@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_doubled_in_a_minute_of_faults() -> None:
    said: list[str] = []
    result = await Run(SEED, SECONDS, said.append).run()
    assert result.differences == [], said
    assert result.kills >= 2
    assert result.acknowledged > 1_000
    assert result.streamed > result.acknowledged


@asynccontextmanager
async def echo_through(proxy_mode: Mode) -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that repeats everything, made before the proxy's mode changes."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1_000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1")
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        proxy.disturb(proxy_mode)
        yield proxy, reader, writer
        writer.transport.abort()


@pytest.mark.parametrize("mode", [Mode.PASS, Mode.DELAYED, Mode.DRIPPING])
async def test_a_slow_connection_passes_everything(mode: Mode) -> None:
    async with echo_through(mode) as (_, reader, writer):
        writer.write(bytes(2_000))
        assert await reader.readexactly(2_000) == bytes(2_000)


async def test_a_cut_connection_breaks_and_no_other_is_accepted() -> None:
    async with echo_through(Mode.CUT) as (proxy, reader, _):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        again, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await again.readexactly(1)


async def test_a_half_open_connection_thaws_and_new_ones_work() -> None:
    async with echo_through(Mode.HALF_OPEN) as (proxy, reader, writer):
        writer.write(b"frozen")
        again, to_again = await asyncio.open_connection("127.0.0.1", proxy.port)
        to_again.write(b"new")
        assert await again.readexactly(3) == b"new"
        frozen = asyncio.create_task(reader.readexactly(6))
        await asyncio.sleep(0)
        assert not frozen.done()
        proxy.disturb(Mode.PASS)
        assert await frozen == b"frozen"
        to_again.transport.abort()


def entry(seq: int, event_id: UUID, user: int = 1) -> LogEntry:
    event = {"event_id": str(event_id), "event_type": "click", "user_id": user, "event_data": {}}
    return LogEntry(seq, 0, str(event_id), json.dumps(event).encode())


ONE, OTHER = uuid4(), uuid4()
LOG = [entry(1, ONE), entry(2, OTHER, 2)]
ROWS = [str(ONE), str(OTHER)]
STATS = {"totals": {"events": 2, "users": 2}, "by_type": [{"event_type": "click", "events": 2}]}
STREAM = [(1, str(ONE)), (2, str(OTHER))]


def found(
    *,
    acknowledged: tuple[UUID, ...] = (ONE, OTHER),
    stream: list[tuple[int, str]] = STREAM,
    gaps: tuple[str, ...] = (),
    rows: list[str] = ROWS,
    events: int = 2,
) -> str:
    history = History(acknowledged=set(acknowledged), streams=[stream], gaps=list(gaps))
    stats = STATS | {"totals": {"events": events, "users": 2}}
    return " ".join(compare(history, LOG, stats, rows))


def test_a_run_that_kept_every_promise_has_no_differences() -> None:
    assert found() == ""


def test_every_broken_promise_is_named() -> None:
    assert "1 acknowledged events are not in the log" in found(acknowledged=(ONE, uuid4()))
    assert "client 0 of /ws has 1 entries of 2" in found(stream=STREAM[:1])
    assert "client 0 of /ws has 3 entries of 2" in found(stream=[*STREAM, STREAM[1]])
    assert "differs at 0" in found(stream=STREAM[::-1])
    assert "clients received gaps" in found(gaps=("{}",))
    assert "1 ids are counted more than once" in found(rows=[*ROWS, ROWS[0]])
    assert "1 ids of the log have no row" in found(rows=ROWS[:1])
    assert "/stats says" in found(events=3)


def test_a_seed_determines_the_faults_and_a_long_run_has_all_costly_ones() -> None:
    costly = [Fault(name, nothing, nothing, seconds=20) for name in "abc"]
    schedules = [Schedule(random.Random(4), costly) for _ in range(2)]
    first, second = ([next(schedule) for _ in range(3 * COSTLY_EVERY)] for schedule in schedules)
    assert first == second
    assert {one.name for faults, _ in first for one in faults if one.seconds} == {"a", "b", "c"}
    assert sum(one in KILLS for faults, _ in first for one in faults) > len(first) / 2


def test_figures_beyond_their_bounds_are_differences() -> None:
    bucket = 'tailrace_event_loop_blocked_seconds_bucket{le="%s"} %d.0\n'
    metrics = "".join(bucket % one for one in (("0.1", 5), ("0.25", 7), ("0.5", 8), ("+Inf", 8)))
    assert (longest_turn(metrics), longest_turn("")) == (0.5, 0.0)
    assert list(beyond_bounds(Result(1, 60, blocked={"query": 0.25}, memory={"query": 90_000_000}), timings=True)) == []
    result = Result(1, 60, blocked={"query": 0.5}, memory={"command": 900_000_000}, files={"projection": 500})
    assert len(list(beyond_bounds(result, timings=False))) == 2
    assert list(beyond_bounds(result, timings=True)) == [
        "command used 900,000,000 bytes of memory",
        "projection had 500 open files",
        "the event loop of query was blocked for up to 0.5 s",
    ]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a file system of its own needs root")
def test_a_disk_becomes_full_and_gets_its_room_back(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk:
        (disk.folder / "kept").write_bytes(b"x" * 1_000_000)
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"x" * 2 * LEFT)
        (disk.folder / "more").unlink()
        disk.empty()
        (disk.folder / "more").write_bytes(b"x" * 2 * LEFT)
        assert (disk.folder / "kept").stat().st_size == 1_000_000
    assert list((tmp_path / "disk").iterdir()) == []

"""``just bench`` on real servers: every benchmark measures, and nothing is left, however it ends."""

import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsPositiveFloat, IsStr

from contracts.errors import TailraceError
from contracts.events import Event, read_stored
from tests.support.benchmarks import Bench
from tools.benchmarks.__main__ import NAMES, SHORT
from tools.benchmarks.bench import Options, open_bench
from tools.benchmarks.report import percentile, ratio
from tools.benchmarks.workload import DUPLICATE_EVERY, LATE_EVERY, Workload, publishing
from tools.documents.benchmarks import GOALS
from tools.documents.tables import table

pytestmark = pytest.mark.timeout(400)

ROWS = {
    "catchup": ["everything", "the type order", "nats-py, ordered", "nats-py, fetch"],
    "clients": ["Tailrace", "send_json"],
    "decode": ["Tailrace, a batch", "Tailrace, a batch with its rows", "Tailrace, one by one", "msgspec"],
    "imports": ["import", "drain"],
    "ingest": [
        "POST",
        "NDJSON",
        "NDJSON, projector running",
        "bare route",
        "raw publisher",
        "raw publisher, 3 copies",
    ],
    "live": ["1 client: Tailrace", "1 client: send_json", "5 clients: Tailrace", "5 clients: send_json"],
    "projections": [
        "built-in model, replay",
        "Rollup, replay",
        "Fold, replay",
        "Sql, replay",
        "20 rollups, built together",
        "20 rollups, together",
        "2,000 events/s, built-in model",
        "2,000 events/s, with 20 rollups",
    ],
    "replay": ["projector", "replay", "verify", "nats-py, fetch"],
    "scale": ["1,000", "5,000"],
    "trickle": ["20 events/s", *(f"batches of one, quarter {quarter}" for quarter in range(1, 5))],
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "temporary").mkdir()
    return Bench(tmp_path / "temporary")


@contextmanager
def filling(bench: Bench) -> Iterator["subprocess.Popen[str]"]:
    """A benchmark whose servers run and whose log is being filled."""
    process = bench.start("replay", "--events", "1000000")
    try:
        assert process.stderr is not None
        assert any("filling the log" in line for line in process.stderr)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ROWS)
def test_a_benchmark_measures_every_row(bench: Bench, tmp_path: Path, name: str) -> None:
    found = bench.measure(tmp_path / "results.json", name, "--quick")
    assert found == IsPartialDict(
        command=f"./just bench {name} --quick",
        date=datetime.now(UTC).date().isoformat(),
        machine=IsStr(regex=r"\d+ cores, \d+ GiB of memory, .*"),
        versions=IsStr(regex=r"Tailrace .*, Python .*, nats-server.* v[\d.]+, PostgreSQL [\d.]+"),
    )
    assert [row[""] for row in found["rows"]] == ROWS[name]
    rows = {row[""]: row for row in found["rows"]}
    check = CHECKS.get(name)
    if check is not None:
        check(rows)
    for goal in (goal for goal in GOALS if goal.benchmark == name and goal.row in rows):
        assert goal.column in rows[goal.row] or goal.column.endswith(" before")


def test_the_drain_compares_the_projector_with_its_peers(bench: Bench, tmp_path: Path) -> None:
    rows = {row[""]: row for row in bench.measure(tmp_path / "results.json", "drain", "--quick")["rows"]}
    for order in ("in order", "scattered"):
        ours, peer, limit = (rows[f"{order}: {name}"] for name in ("Tailrace", "FastStream", "COPY"))
        for row in (ours, peer, limit):
            assert row == IsPartialDict({name: IsPositiveFloat for name in ("events/s", "process µs", "bytes/event")})
        assert ours["× FastStream"] == ours["events/s"] / peer["events/s"]
        assert ours["× COPY"] == ours["events/s"] / limit["events/s"]
        assert ours["peak MB"] > 10


def check_live(rows: dict[str, dict[str, Any]]) -> None:
    for name, row in rows.items():
        assert 0 <= row["arrived %"] <= 100
        if "Tailrace" in name:
            assert row["arrived %"] == 100
            assert 0 < row["p50 ms"] <= row["p99 ms"] <= row["max ms"]
            assert row["events/frame"] >= 1


def check_clients(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["send_json"]["events/frame"] == 1
    assert rows["Tailrace"]["events/frame"] > 1
    assert rows["Tailrace"]["× send_json"] == rows["Tailrace"]["events/s"] / rows["send_json"]["events/s"]


def check_replay(rows: dict[str, dict[str, Any]]) -> None:
    for row in rows.values():
        assert row == IsPartialDict({"events/s": IsPositiveFloat, "peak MB": IsPositiveFloat})
    assert rows["replay"]["× projector"] == rows["replay"]["events/s"] / rows["projector"]["events/s"]


def check_scale(rows: dict[str, dict[str, Any]]) -> None:
    for row in rows.values():
        assert len([value for name, value in row.items() if name.endswith(" ms") and value > 0]) == 9
    assert rows["5,000"]["bytes/event"] < rows["1,000"]["bytes/event"]


CHECKS = {"live": check_live, "clients": check_clients, "replay": check_replay, "scale": check_scale}


def test_every_benchmark_is_tested_and_scale_runs_only_when_it_is_named() -> None:
    assert set(NAMES) == {*ROWS, "drain"}
    assert set(NAMES) - set(SHORT) == {"scale"}
    assert {goal.benchmark.partition(",")[0] for goal in GOALS} <= set(NAMES)


def test_results_of_other_users_do_not_replace_those_of_the_default(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    for arguments in ([], ["--users", "2000"]):
        process = bench.start("decode", "--quick", *arguments, "--write", str(file))
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert set(json.loads(file.read_text())) == {"decode", "decode, 2,000 users"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_benchmark_leaves_nothing(bench: Bench, number: signal.Signals) -> None:
    with filling(bench) as process:
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    bench.check_nothing_is_left()


def test_a_killed_benchmark_takes_its_servers_with_it(bench: Bench) -> None:
    with filling(bench) as process:
        assert len(bench.processes()) > 2
        process.kill()
    deadline = time.monotonic() + 30
    while left := bench.processes():
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_an_error_names_a_database_that_does_not_answer(bench: Bench) -> None:
    process = bench.start("drain", "--quick", "--database", "postgresql://someone:secret@127.0.0.1:1/postgres")
    output, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1] == IsStr(regex="drain: the database does not answer: .*")
    assert "secret" not in output + errors
    bench.check_nothing_is_left()


def test_an_unknown_benchmark_is_refused(bench: Bench) -> None:
    process = bench.start("speed")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "no such benchmark: speed; there are catchup, clients, decode," in errors


async def test_a_model_that_differs_fails_the_benchmark() -> None:
    async with open_bench(Options(), str) as bench:
        log = await bench.log()
        target = await bench.target(log)
        await bench.fill(log, bench.workload(1_000))
        await bench.drain(target, 1_000)
        assert (await bench.verify(target))["events/s"] > 0
        connection = await asyncpg.connect(target.dsn)
        await connection.execute("delete from model_1.analytics_events where seq = 7")
        await connection.close()
        with pytest.raises(TailraceError, match="`verify` ended with exit code 1"):
            await bench.verify(target)


@pytest.mark.native_timescale
async def test_another_server_is_left_as_it_was(bench: Bench, tmp_path: Path, timescale_database: str) -> None:
    found = bench.measure(tmp_path / "results.json", "replay", "--quick", "--database", timescale_database)
    assert "TimescaleDB" in found["versions"]
    assert "--database" not in found["command"]
    connection = await asyncpg.connect(timescale_database)
    names = await connection.fetch("select datname from pg_database where datname like 'tailrace_bench_%'")
    await connection.close()
    assert names == []


async def test_a_log_that_refuses_events_fails_the_publisher() -> None:
    async with open_bench(Options(), str) as bench:
        log = await bench.log()
        async with publishing(log.url) as publisher:
            with pytest.raises(TailraceError, match="the log does not store the events"):
                await publisher.publish_all(Workload(10))


def events(count: int, **options: Any) -> list[Event]:
    messages = Workload(count, **{"users": 10, "days": 3, **options})
    return [read_stored(message.payload, logged_at=datetime.now(UTC)) for message in messages]


def test_the_same_seed_gives_the_same_events() -> None:
    def told(seed: int) -> list[tuple[Any, ...]]:
        return [(one.event_id, one.event_type, one.user_id, bytes(one.event_data)) for one in events(300, seed=seed)]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_visits_follow_each_other_through_the_days_and_some_events_are_late() -> None:
    found = events(3_000, users=1_000_000)
    late = found[0:3_000:LATE_EVERY]
    in_time = [one for one in found if one not in late]
    assert [one.created_at for one in in_time] == sorted(one.created_at for one in in_time)
    assert timedelta(days=2.9) < found[-1].created_at - in_time[0].created_at < timedelta(days=3.1)
    assert all(one.created_at < after.created_at for one, after in zip(late, found[1::LATE_EVERY], strict=True))
    of_a_visit = Counter(one.user_id for one in found)
    assert len(of_a_visit) < len(found) / 2
    assert max(of_a_visit.values()) > 3


def test_scattered_events_happen_on_all_days_and_some_are_duplicates() -> None:
    began = datetime.now(UTC)
    found = events(3_000, scattered=True)
    assert len({one.event_id for one in found}) == 3_000 - 3_000 // DUPLICATE_EVERY
    assert {one.user_id for one in found} == set(range(10))
    days = {(began - one.created_at) // timedelta(days=1) for one in found}
    assert {0, 1, 2} <= days <= {-1, 0, 1, 2}


def test_duplicates_pass_the_logs_own_deduplication() -> None:
    messages = list(Workload(1_000, users=10, days=1))
    assert len({message.message_id for message in messages}) == 1_000


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (1, 1), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: int, value: int) -> None:
    assert percentile([3, 1, 2, 4, 5, 6, 10, 8, 9, 7], percent) == value
    assert percentile([42], percent) == 42


def test_percentiles_count_every_event() -> None:
    latencies = Counter({1: 97, 2: 2, 500: 1})
    assert [percentile(latencies, percent) for percent in (50, 99, 100)] == [1, 2, 500]


def test_a_ratio_is_by_the_row_of_the_same_run() -> None:
    rows = ratio([{"": "x: a", "events/s": 10.0}, {"": "x: b", "events/s": 4.0}, {"": "c"}], "x: b")
    assert [row.get("× b") for row in rows] == [2.5, 1.0, None]


def test_a_table_lines_up() -> None:
    rows = [{"": "one", "× b": 0.5, "events/s": 1_000.0}, {"": "the other", "events/s": 5}]
    assert table(rows).splitlines() == [
        "|           | events/s |  × b |",
        "| --------- | -------: | ---: |",
        "| one       |    1,000 | 0.50 |",
        "| the other |        5 |      |",
    ]
    assert not re.search(r"\s$", table(rows))

"""``just bench`` on real servers: a replay that is killed; nothing is left, however it ends."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsPositiveFloat, IsStr

from contracts.events import Event, read_stored
from tests.support.benchmarks import Bench
from tools.benchmarks.asking import percentile
from tools.benchmarks.plan import Plan
from tools.benchmarks.progress import Progress
from tools.benchmarks.replay import replay_all, verify
from tools.benchmarks.report import table
from tools.benchmarks.stage import open_stage
from tools.benchmarks.traffic import LATE_EVERY, REPEAT_EVERY, Traffic

pytestmark = pytest.mark.timeout(400)

TINY = ("--events", "2000", "--users", "50", "--days", "3")
PACE = IsPartialDict(seconds=IsPositiveFloat, per_second=IsPositiveFloat, per_second_with_starts=IsPositiveFloat)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


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


def test_a_killed_replay_verifies_and_is_compared_with_the_live_projector(bench: Bench) -> None:
    # small batches and long pauses: there is much time between 20 % and 60 % of the log
    found = bench.measure("replay", *TINY, TAILRACE_BATCH_SIZE="50", TAILRACE_REPLAY_SHARE="0.1")
    assert found["replay"] == IsPartialDict(entries=2_000, events=1_980, duplicates=20, live=PACE)
    slow, fast = found["replay"]["replays"]
    assert (slow["share"], fast["share"]) == (0.1, 1)
    assert slow["kills"] == 2
    for one in (slow, fast):
        assert one == PACE
        assert one["equal"]
        assert one["log_digest"] == one["table_digest"] == slow["log_digest"]
        assert one["differences"] == []
        assert min(one["peak_memory"], one["verify_peak_memory"]) > 10_000_000


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


def test_a_database_that_does_not_answer_is_said_so(bench: Bench) -> None:
    process = bench.start("questions", *TINY, "--database", "postgresql://someone:secret@127.0.0.1:1/postgres")
    output, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1] == IsStr(regex="tailrace: the database at .* does not answer: .*")
    assert "secret" not in output + errors
    bench.check_nothing_is_left()


async def test_a_model_that_differs_is_not_called_equal() -> None:
    async with (
        open_stage(Plan(entries=1_000, users=50, days=2, database=None), Progress()) as stage,
        stage.database() as settings,
    ):
        await replay_all(stage, settings)
        assert (await verify(stage, settings)).equal
        connection = await asyncpg.connect(settings.dsn)
        await connection.execute("delete from model_1.analytics_events where seq = 7")
        await connection.close()
        spoilt = await verify(stage, settings)
        assert not spoilt.equal
        assert spoilt.receipt["differences"]


@pytest.mark.native_timescale
async def test_another_server_is_left_as_it_was(bench: Bench, timescale_database: str) -> None:
    found = bench.measure("replay", *TINY, "--database", timescale_database)
    assert found["machine"]["flavour"] == "timescale"
    assert all(one["equal"] for one in found["replay"]["replays"])
    connection = await asyncpg.connect(timescale_database)
    names = await connection.fetch("select datname from pg_database where datname like 'tailrace_bench_%'")
    await connection.close()
    assert names == []


def events(count: int, **options: Any) -> list[Event]:
    messages = islice(Traffic(**{"users": 10, "days": 3, **options}), count)
    return [read_stored(message.payload, logged_at=datetime.now(UTC)) for message in messages]


def test_the_same_seed_gives_the_same_events() -> None:
    def told(seed: int) -> list[tuple[Any, ...]]:
        return [(one.event_id, one.event_type, one.user_id, bytes(one.event_data)) for one in events(300, seed=seed)]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_a_log_is_of_visits_that_follow_each_other_through_the_days_and_some_events_are_late() -> None:
    found = events(3_000, users=1_000_000, entries=3_000)
    late = found[0:3_000:LATE_EVERY]
    in_time = [one for one in found if one not in late]
    assert [one.created_at for one in in_time] == sorted(one.created_at for one in in_time)
    assert timedelta(days=2.9) < found[-1].created_at - in_time[0].created_at < timedelta(days=3.1)
    assert all(one.created_at < after.created_at for one, after in zip(late, found[1::LATE_EVERY], strict=True))
    of_a_visit = Counter(one.user_id for one in found)
    assert len(of_a_visit) < len(found) / 2
    assert max(of_a_visit.values()) > 3


def test_without_a_length_events_are_scattered_over_the_days_and_some_are_repeated() -> None:
    began = datetime.now(UTC)
    found = events(3_000)
    assert len({one.event_id for one in found}) == 3_000 - 3_000 // REPEAT_EVERY
    assert {one.user_id for one in found} == set(range(10))
    days = {(began - one.created_at) // timedelta(days=1) for one in found}
    assert {0, 1, 2} <= days <= {-1, 0, 1, 2}


def test_repetitions_pass_the_logs_own_deduplication() -> None:
    messages = list(islice(Traffic(users=10, days=1), 1_000))
    assert len({message.message_id for message in messages}) == 1_000


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (1, 1), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: int, value: int) -> None:
    assert percentile([3, 1, 2, 4, 5, 6, 10, 8, 9, 7], percent) == value
    assert percentile([42], percent) == 42


def test_a_table_lines_up() -> None:
    assert table(["", "events/s"], [["one", "1,000"], ["the other", "5"]]).splitlines() == [
        "|           | events/s |",
        "| --------- | -------: |",
        "| one       |    1,000 |",
        "| the other |        5 |",
    ]

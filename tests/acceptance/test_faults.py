"""Faults of disks, files and clocks, each once under load: they lose nothing and double nothing."""

import pytest

from tools.chaos.clocks import find_library
from tools.chaos.run import Run

pytestmark = pytest.mark.timeout(400)


async def run_with(*faults: str) -> Run:
    said: list[str] = []
    run = Run(1, 300.0, said.append, faults)
    result = await run.run()
    assert result.differences == [], said
    assert result.acknowledged > 100
    assert result.streamed > result.acknowledged
    return run


async def test_nats_makes_its_own_files_again_and_nothing_is_lost() -> None:
    run = await run_with(
        "the log's index removed",
        "the log's index cut in half",
        "a byte of the log's index changed",
        "the state of the inbox's consumer removed",
    )
    assert len(run.result.faults) == 4


async def test_a_full_disk_of_each_server_is_named_and_loses_nothing() -> None:
    run = await run_with("disk of nats full", "disk of postgres full")
    if any("disks" in sentence for sentence in run.result.skipped):
        pytest.skip(run.result.skipped[0])
    assert len(run.result.faults) == 2


@pytest.mark.skipif(find_library() is None, reason="libfaketime is not installed")
async def test_a_service_whose_clock_is_hours_off_changes_no_answer() -> None:
    run = await run_with("clock of command off by +3h", "clock of projection off by +3h", "clock of query off by -3h")
    assert len(run.result.faults) == 3

"""``tailrace log``: its output, its changes, and what it refuses."""

import json
import subprocess

import pytest

from contracts.entries import Gap
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events, some_events
from tests.support.log_damage import allow_deletes, delete_entries
from tests.support.processes import run_tailrace, start_service


async def test_a_gap_is_recorded_and_shown(log: LogClient, settings: Settings) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(9))
    await delete_entries(log, Gap(4, 6))
    recorded = run_tailrace(settings, "log", "accept-gap", "4..6")
    assert recorded.stdout.startswith("entries 4 to 6 are recorded as lost")
    again = run_tailrace(settings, "log", "accept-gap", "4..5")
    assert (again.returncode, again.stdout) == (
        0,
        "entries 4 to 5 were already recorded as lost; nothing changed\n",
    )
    state = await log.state()
    assert state.gaps == (Gap(4, 6),)
    shown = run_tailrace(settings, "log", "show").stdout
    assert f"epoch    {state.epoch}\n" in shown
    assert "entries  1 to 9\n" in shown
    assert "lost     4..6 (3 entries), recorded as lost" in shown
    assert json.loads(run_tailrace(settings, "log", "show", "--json").stdout) == {
        "epoch": state.epoch,
        "first_seq": 1,
        "last_seq": 9,
        "issued_seq": 9,
        "bytes": state.bytes,
        "subjects": state.subjects,
        "gaps": [[4, 6]],
        "entries": 6,
    }
    status = run_tailrace(settings, "status")
    assert "6 events" in status.stdout
    assert "entries 4 to 6 are recorded as lost" in status.stdout


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        ("2..3", "the log's entry 2 can be read"),
        ("7..8", "the log ends at sequence 5"),
        ("3", "'3' is not a gap"),
        ("5..4", "5..4 is no gap"),
        ("a..b", "'a..b' is not a gap"),
        ("1..2..3", "'1..2..3' is not a gap"),
    ],
)
async def test_an_invalid_gap_is_refused(log: LogClient, settings: Settings, gap: str, sentence: str) -> None:
    await log_events(log, some_events(5))
    refused = run_tailrace(settings, "log", "accept-gap", gap)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"tailrace: {sentence}")
    assert (await log.state()).gaps == ()


async def test_a_new_epoch_is_confirmed_and_declared(log: LogClient, settings: Settings) -> None:
    before = (await log.state()).epoch
    process = start_service(settings, "log", "new-epoch", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    output, _ = process.communicate(b"n\n", timeout=60)
    assert process.returncode == 1
    assert b"Declare a new epoch? [y/N]" in output
    assert (await log.state()).epoch == before
    declared = run_tailrace(settings, "log", "new-epoch", "--yes")
    after = (await log.state()).epoch
    assert after != before
    assert declared.stdout.startswith(f"epoch {before} -> {after}\n")
    assert "tailrace replay" in declared.stdout

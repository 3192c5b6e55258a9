"""The streams: their definitions and reconciliation, and the history in their metadata."""

import pytest

from contracts.entries import Gap
from contracts.errors import ConfigurationError, ConflictError
from contracts.subjects import LOG_STREAM
from migrations.stream_metadata import accept_gap, new_epoch
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.runtime.conftest import append_and_lose


async def test_the_log_keeps_every_event(log: LogClient, settings: Settings) -> None:
    assert await ensure_streams(log, settings) == ([], [])
    config = (await log.stream_info(LOG_STREAM))["config"]
    assert config["deny_delete"]
    assert config["deny_purge"]
    assert config["allow_direct"]
    assert config["discard"] == "new"
    assert config.get("max_age", 0) == 0


async def test_reconciliation_raises_limits_and_reports_other_differences(log: LogClient, settings: Settings) -> None:
    epoch = (await log.state()).epoch
    grown = await ensure_streams(log, settings.model_copy(update={"dedupe_window": 240}))
    assert grown == ([f"the stream ANALYTICS gets duplicate_window {240 * 10**9}"], [])
    shrunk = (await ensure_streams(log, settings.model_copy(update={"log_max_bytes": 1_000_000}))).left
    assert len(shrunk) == 2  # the size, and the window that was raised before
    info = await log.stream_info(LOG_STREAM)
    assert info["config"]["duplicate_window"] == 240 * 10**9
    assert info["config"]["max_bytes"] == -1
    assert (await log.state()).epoch == epoch


async def test_only_lost_entries_can_be_recorded_as_lost(log: LogClient) -> None:
    await append_and_lose(log, 9, Gap(4, 5), Gap(9, 9))
    for gap, kind, sentence in (
        (Gap(3, 5), ConflictError, "entry 3 can be read"),
        (Gap(4, 6), ConflictError, "entry 6 can be read"),
        (Gap(4, 9), ConflictError, "entry 6 can be read"),
        (Gap(9, 10), ConflictError, "the log ends at sequence 9.*new-epoch"),
        (Gap(5, 4), ConfigurationError, r"5\.\.4 is no gap"),
        (Gap(0, 0), ConfigurationError, r"0\.\.0 is no gap"),
    ):
        with pytest.raises(kind, match=sentence):
            await accept_gap(log, gap)
    assert (await log.state()).gaps == ()


async def test_gaps_are_recorded_once_and_neighbours_are_joined(log: LogClient) -> None:
    await append_and_lose(log, 9, Gap(2, 2), Gap(4, 6))
    assert await accept_gap(log, Gap(4, 4)) == (Gap(4, 4),)
    assert await accept_gap(log, Gap(4, 4)) == (Gap(4, 4),)
    assert await accept_gap(log, Gap(2, 2)) == (Gap(2, 2), Gap(4, 4))
    assert await accept_gap(log, Gap(5, 6)) == (Gap(2, 2), Gap(4, 6))
    assert await accept_gap(log, Gap(5, 5)) == (Gap(2, 2), Gap(4, 6))
    assert (await log.stream_info(LOG_STREAM))["config"]["metadata"]["tailrace-gaps"] == "2-2,4-6"


async def test_gaps_the_epoch_and_foreign_metadata_survive_changes(log: LogClient, settings: Settings) -> None:
    await append_and_lose(log, 5, Gap(3, 3))
    config = (await log.stream_info(LOG_STREAM))["config"]
    metadata = {**config["metadata"], "owner": "ops"}
    await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})
    await accept_gap(log, Gap(3, 3))
    before, after = await new_epoch(log)
    assert (await ensure_streams(log, settings.model_copy(update={"dedupe_window": 240}))).left == []
    found = (await log.stream_info(LOG_STREAM))["config"]
    assert found["duplicate_window"] == 240 * 10**9
    assert found["metadata"]["owner"] == "ops"
    state = await log.state()
    assert (state.epoch, state.gaps) == (after, (Gap(3, 3),))
    assert before == metadata["tailrace-epoch"] != after


async def test_malformed_gaps_are_a_configuration_error(log: LogClient) -> None:
    config = (await log.stream_info(LOG_STREAM))["config"]
    for text in ("1-", "x", "1,2", "1-2-3"):
        metadata = {**config["metadata"], "tailrace-gaps": text}
        await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})
        with pytest.raises(ConfigurationError, match="tailrace-gaps"):
            await log.state()

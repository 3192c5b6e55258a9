"""Event versions: readable ones are stored as they were sent, others are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from dirty_equals import IsPartialDict, IsStr

from command.rejected import list_rejected
from contracts.errors import ConfigurationError
from contracts.subjects import INBOX, SUBMIT
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.command import (
    Command,
    log_entries,
    logged_events,
    nats_client,
    running_command,
    until_inbox_is_empty,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "upcasters.py"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Upcasters of the example: three versions of ``order_completed``."""
    return settings.model_copy(update={"upcasters": str(EXAMPLE)})


def order(data: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    event = {"event_type": "order_completed", "user_id": 1, "event_data": data}
    return event if version is None else {**event, "event_version": version}


SENT = [
    order({"total": 12.5}),
    order({"total": 3}, 1),
    order({"total_cents": 1250}, 2),
    order({"amount": {"cents": 1250, "currency": "EUR"}}, 3),
]
UNREADABLE = [
    (order({"amount": {}}, 4), "unknown_version", ".*4 of order_completed is newer than 3.*"),
    (order({"sum": 12.5}), "upcast_failed", ".*version 1 of order_completed .* version 2: KeyError: 'total'"),
    (order({"total": 0.001}, 1), "upcast_failed", ".*total has a fraction of a cent: 0.001"),
    (order({"total": 1}, 2), "upcast_failed", ".*version 2 of order_completed .* version 3: KeyError: 'total_cents'"),
]


async def test_every_known_version_is_stored_unchanged(command: Command, log: LogClient) -> None:
    answer = await command.http.post("/events", json=SENT)
    assert answer.status_code == 202
    assert [one.event_version for one in await logged_events(log)] == [1, 1, 2, 3]
    stored = [json.loads(entry.payload) for entry in await log_entries(log)]
    assert [one["event_data"] for one in stored] == [one["event_data"] for one in SENT]
    assert ["event_version" in one for one in stored] == [False, False, True, True]


async def test_an_unreadable_version_is_refused_with_the_reason(command: Command, log: LogClient) -> None:
    answer = await command.http.post("/events", json=[*(event for event, _, _ in UNREADABLE), SENT[0]])
    assert answer.status_code == 207
    assert answer.json()["rejected"] == [
        IsPartialDict(index=index, code=code, message=IsStr(regex=reason))
        for index, (_, code, reason) in enumerate(UNREADABLE)
    ]
    assert (await log.state()).last_seq == 1


async def test_nats_and_http_validate_versions_alike(command: Command, settings: Settings, log: LogClient) -> None:
    bad, code, _ = UNREADABLE[0]
    async with nats_client(settings) as nats:
        reply = json.loads((await nats.request(SUBMIT, json.dumps(bad).encode(), timeout=10)).data)
        assert reply["error"] == IsPartialDict(code=code, retryable=False)
        for event in (bad, SENT[2]):
            await nats.jetstream().publish(INBOX, json.dumps(event).encode())
        await until_inbox_is_empty(log)
    assert [one.rejected.code for one in await list_rejected(log, 10)] == [code]
    assert [one.event_version for one in await logged_events(log)] == [2]


async def test_upcasters_with_a_missing_step_are_refused_at_the_start(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text('UPCASTERS = {("order_completed", 2): dict}\n')
    with pytest.raises(ConfigurationError, match="the one for version 1 is missing"):
        async with running_command(settings.model_copy(update={"upcasters": str(broken)})):
            pass

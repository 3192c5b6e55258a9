"""``analytics.submit``: the reply comes once the log has the event, or names the reason for its refusal."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from dirty_equals import IsStr, IsUUID
from nats.aio.client import Client

from contracts.subjects import SUBMIT
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.command import Command, log_entries, running_command, set_log_limit

SEED = b'{"event_type":"page_view","user_id":123,"created_at":"2025-10-10T10:00:00Z","event_data":{"path":"/home"}}'


async def submit(nats: Client, payload: bytes) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads((await nats.request(SUBMIT, payload, timeout=10)).data)
    return reply


async def test_the_reply_has_the_position_of_the_event(command: Command, nats: Client, log: LogClient) -> None:
    reply = await submit(nats, SEED)
    assert reply == {"event_id": IsUUID, "cursor": IsStr(regex=r"[0-9a-f]{12}:1:[0-9a-f]{8}"), "duplicate": False}
    [entry] = await log_entries(log)
    assert entry.message_id == reply["event_id"]


async def test_a_duplicate_is_reported(command: Command, nats: Client) -> None:
    mine = json.dumps(json.loads(SEED) | {"event_id": str(uuid4())}).encode()
    first, again = await submit(nats, mine), await submit(nats, mine)
    assert again == first | {"duplicate": True}


@pytest.mark.parametrize(("payload", "code"), [(b"", "invalid_json"), (b'{"user_id":1}', "missing_field")])
async def test_a_refusal_is_typed_and_not_retryable(
    command: Command, nats: Client, log: LogClient, payload: bytes, code: str
) -> None:
    reply = await submit(nats, payload)
    assert reply == {"error": {"code": code, "message": IsStr(min_length=10), "retryable": False}}
    assert (await log.state()).last_seq == 0


async def test_a_full_log_is_typed_and_retryable(command: Command, nats: Client, log: LogClient) -> None:
    await submit(nats, SEED)
    await set_log_limit(log, 1)
    reply = await submit(nats, SEED)
    assert reply["error"] == {"code": "log_full", "message": IsStr(regex="the log refused.*"), "retryable": True}
    await set_log_limit(log, -1)
    assert (await submit(nats, SEED))["duplicate"] is False


async def test_two_services_share_the_requests_and_each_is_answered_once(
    settings: Settings, nats: Client, log: LogClient
) -> None:
    async with running_command(settings), running_command(settings):
        replies = await asyncio.gather(*(submit(nats, SEED) for _ in range(100)))
    assert len({reply["event_id"] for reply in replies}) == 100
    assert (await log.state()).last_seq == 100

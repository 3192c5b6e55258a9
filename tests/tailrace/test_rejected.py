"""Rejected messages never hold up good ones. They are retried, purged, or dropped with a problem in the status."""

import asyncio
import json
from pathlib import Path
from typing import Any

from dirty_equals import IsStr
from nats.aio.client import Client

from command.rejected import list_rejected
from contracts.subjects import INBOX, REJECTED_STREAM
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.command import (
    logged_events,
    nats_client,
    running_command,
    serving_command,
    until_inbox_is_empty,
    until_logged,
)
from tests.support.log_damage import change_stream
from tests.support.processes import run_tailrace
from tests.support.projector import idle_projector

EXAMPLE = Path(__file__).parents[2] / "examples" / "upcasters.py"
GOOD = b'{"event_type":"page_view","user_id":1,"event_data":{}}'
BAD = b'{"event_type":"page_view","user_id":true,"event_data":{"filler":"%b"}}' % (b"x" * 500)
NEWER = b'{"event_type":"order_completed","event_version":2,"user_id":1,"event_data":{"total_cents":1250}}'


async def publish(nats: Client, *payloads: bytes) -> None:
    for payload in payloads:
        await nats.jetstream().publish(INBOX, payload)


async def tailrace(settings: Settings, *arguments: str) -> str:
    result = await asyncio.to_thread(run_tailrace, settings, "rejected", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


async def rejected(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await tailrace(settings, "list", "--json")).splitlines() if "{" in line]


async def problems(settings: Settings) -> list[str]:
    async with idle_projector(settings):
        result = await asyncio.to_thread(run_tailrace, settings, "status", "--json")
    found: list[str] = json.loads(result.stdout)["problems"]
    return found


async def test_a_full_store_of_rejected_messages_does_not_hold_up_good_ones(log: LogClient, settings: Settings) -> None:
    async with running_command(settings), nats_client(settings) as nats:
        await change_stream(log, REJECTED_STREAM, max_bytes=65_536)
        await publish(nats, *[BAD] * 400, GOOD)
        await until_logged(log, 1)
        await until_inbox_is_empty(log)
        await change_stream(log, REJECTED_STREAM, max_bytes=settings.rejected_max_bytes)
    stored = (await log.stream_info(REJECTED_STREAM))["state"]["messages"]
    assert 0 < stored < 400
    assert await problems(settings) == [
        IsStr(regex=rf"the store of rejected messages.* has dropped its {400 - stored} oldest.*`tailrace rejected .*")
    ]
    assert await tailrace(settings, "purge", "--yes") == f"{stored} rejected messages removed\n"
    assert await problems(settings) == []


async def test_a_store_that_refuses_messages_when_full_is_changed_to_drop_the_oldest(
    log: LogClient, settings: Settings
) -> None:
    await change_stream(log, REJECTED_STREAM, discard="new")
    assert await ensure_streams(log, settings) == ([f"the stream {REJECTED_STREAM} gets discard old"], [])
    assert (await log.stream_info(REJECTED_STREAM))["config"]["discard"] == "old"


async def test_a_retry_through_an_upcaster_stores_each_message_once(log: LogClient, settings: Settings) -> None:
    async with serving_command(settings), nats_client(settings) as nats:
        await publish(nats, NEWER, BAD, NEWER, b"\xff")
        await until_inbox_is_empty(log)
        assert (await tailrace(settings, "retry")).endswith("0 stored in the log, 4 still rejected\n")
        [first] = [one for one in await list_rejected(log, 9) if one.seq == 1]
    async with serving_command(settings.model_copy(update={"upcasters": str(EXAMPLE)})), nats_client(settings) as nats:
        shown = await tailrace(settings, "retry")
        assert shown.endswith("2 stored in the log, 2 still rejected\n")
        assert "message 2: still rejected: user_id" in shown
        assert "message 4: still rejected: its sender has to send it again" in shown
    one, other = await logged_events(log)
    assert one.event_id == first.inbox_id != other.event_id  # a second retry would send the same ids
    assert [one["seq"] for one in await rejected(settings)] == [2, 4]
    assert await problems(settings) == []


async def test_corrected_payloads_are_stored_from_a_file(log: LogClient, settings: Settings, tmp_path: Path) -> None:
    async with serving_command(settings), nats_client(settings) as nats:
        await publish(nats, BAD, BAD)
        await until_inbox_is_empty(log)
        corrected, _ = await rejected(settings)
        corrected["payload"] = corrected["payload"].replace("true", "1")
        file = tmp_path / "fixed.ndjson"
        file.write_text(json.dumps(corrected) + "\n")
        for outcome in ("1 stored in the log, 0 still rejected\n", "0 stored in the log, 0 still rejected\n"):
            assert await tailrace(settings, "retry", "--fixed", str(file)) == outcome
    [event] = await logged_events(log)
    assert (event.user_id, event.created_at.isoformat()) == (1, corrected["received_at"].replace("Z", "+00:00"))
    assert [one["seq"] for one in await rejected(settings)] == [2]

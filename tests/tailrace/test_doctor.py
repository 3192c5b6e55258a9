"""``tailrace doctor``: names each problem with its repair, and changes nothing."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsStr

from command.inbox import CONSUMER, make_consumer
from contracts.subjects import INBOX_STREAM
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.processes import run_tailrace
from tests.support.projector import idle_projector
from tests.support.servers import remove_streams


async def examine(settings: Settings, **variables: str) -> dict[str, list[Any]]:
    """Returns the findings by level, as parts and texts; a projector is active."""
    async with idle_projector(settings):
        result = await asyncio.to_thread(run_tailrace, settings, "doctor", "--json", **variables)
    found: dict[str, list[Any]] = {"ok": [], "note": [], "problem": []}
    for finding in json.loads(result.stdout):
        found[finding["level"]].append((finding["part"], finding["text"]))
    assert result.returncode == (1 if found["problem"] else 0)
    return found


@pytest.fixture
async def inbox(log: LogClient) -> None:
    """The inbox's consumer, as the command service creates it."""
    await make_consumer(log, publish_timeout=5)


async def test_a_sound_system_has_no_problem(log: LogClient, inbox: None, settings: Settings) -> None:
    found = await examine(settings)
    assert found["problem"] == []
    assert [part for part, _ in found["ok"]] == ["settings", "log", "streams", "inbox", "database", "models"]
    text = run_tailrace(settings, "doctor").stdout
    assert "ok       models: model_1 is live, postgres flavour, at 0\n" in text


async def test_a_missing_consumer_of_the_inbox_is_a_problem(log: LogClient, settings: Settings) -> None:
    assert (await examine(settings))["problem"] == [("inbox", IsStr(regex=".*start the command service.*"))]


async def test_a_consumer_ahead_of_the_inbox_is_a_problem(log: LogClient, inbox: None, settings: Settings) -> None:
    await log.api(f"CONSUMER.RESET.{INBOX_STREAM}.{CONSUMER}", {"seq": 50})
    assert (await examine(settings))["problem"] == [
        ("inbox", IsStr(regex=r".*is at sequence 49, its stream ends at 0.*start the command service.*"))
    ]


async def test_another_key_of_user_ids_is_a_problem(
    log: LogClient, inbox: None, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "user.key"
    file.write_text("another key of some forty random characters")
    found = await examine(settings, TAILRACE_USER_KEY_FILE=str(file))
    assert found["problem"] == [("users", IsStr(regex="the key of user ids has the fingerprint .*: restore .*"))]


async def test_missing_streams_are_a_problem_and_are_not_created(log: LogClient, settings: Settings) -> None:
    await remove_streams(log)
    found = await examine(settings)
    assert ("status", IsStr(regex="the stream ANALYTICS does not exist.*")) in found["problem"]
    assert ("status", IsStr(regex="the stream ANALYTICS does not exist.*")) in (await examine(settings))["problem"]


async def test_a_smaller_stream_than_the_settings_say_is_a_problem(
    log: LogClient, inbox: None, settings: Settings
) -> None:
    config = (await log.stream_info(INBOX_STREAM))["config"]
    await log.api(f"STREAM.UPDATE.{INBOX_STREAM}", {**config, "max_bytes": 1_000_000})
    assert (await examine(settings))["problem"] == [
        ("streams", IsStr(regex=rf"pending: the stream {INBOX_STREAM} gets max_bytes \d+; run `tailrace migrate`"))
    ]


async def test_a_misspelt_setting_is_a_problem(log: LogClient, inbox: None, settings: Settings) -> None:
    found = await examine(settings, TAILRACE_BATCHSIZE="5")
    assert found["problem"] == [
        ("settings", "TAILRACE_BATCHSIZE is not a setting and is ignored: rename it to TAILRACE_BATCH_SIZE")
    ]


@pytest.mark.parametrize(
    ("state", "level", "text"),
    [
        ("building", "note", "model_2 is unfinished: `tailrace replay` resumes it, `tailrace drop-old` removes it"),
        ("dropping", "problem", "the drop of model_2 was interrupted: run `tailrace drop-old` again"),
        (
            "ready",
            "note",
            "model_2 is projected too: `tailrace cutover` shows it to readers, `tailrace drop-old` removes it",
        ),
    ],
)
async def test_another_model_is_named_with_its_commands(
    log: LogClient, inbox: None, settings: Settings, connection: asyncpg.Connection, state: str, level: str, text: str
) -> None:
    await connection.execute("create schema model_2")
    await connection.execute("create table model_2.projection_position as table model_1.projection_position")
    await connection.execute(
        "insert into tailrace.models (name, flavour, state, ledger, generation) "
        "select 'model_2', flavour, $1, ledger, generation from tailrace.models where name = 'model_1'",
        state,
    )
    if state == "ready":
        await connection.execute(
            "insert into tailrace.migrations select 'model_2', number, name, checksum from tailrace.migrations "
            "where scope = 'model_1'"
        )
    assert ("models", text) in (await examine(settings))[level]


class OldService(BaseHTTPRequestHandler):
    """A ready service of another version."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        metrics = b'tailrace_build_info{version="0.0.1"} 1.0\n'
        self.wfile.write(metrics if self.path == "/metrics" else b'{"log":"ok"}')


async def test_a_service_of_another_version_is_a_problem(log: LogClient, inbox: None, settings: Settings) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), OldService) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = await examine(settings, TAILRACE_COMMAND_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert found["problem"] == [("services", IsStr(regex=r"the command service is version 0\.0\.1, .*: restart it"))]

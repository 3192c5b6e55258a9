"""The AsyncAPI document describes the running service; the documentation pages show it and ask no other host."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import pytest
from nats.aio.client import Client
from playwright.async_api import Browser

from command.rejected import Rejected
from contracts.cursors import Cursor
from contracts.events import read_entry, read_event
from contracts.subjects import INBOX, INBOX_STREAM, LOG_STREAM, REJECTED_STREAM, SUBMIT
from contracts.upcasting import NO_UPCASTERS
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.conftest import browser, chromium
from tests.support.api_documents import references, resolve, strict_validator
from tests.support.command import Command, running_command, serving_command, until_inbox_is_empty
from tests.support.docs_pages import read_asyncapi_page, read_openapi_page

__all__ = ["browser", "chromium"]

LOGGED, REFUSED, REPLY = "analytics.events.{event_type}", "analytics.rejected.{code}", "analytics.submit:reply"
SEED = {
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}


@pytest.fixture
async def document(command: Command) -> dict[str, Any]:
    answer = await command.http.get("/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


async def fetch(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        found: dict[str, Any] = (await http.get(url)).json()
    return found


def message_of(document: dict[str, Any], channel: str) -> dict[str, Any]:
    [reference] = document["channels"][channel]["messages"].values()
    message: dict[str, Any] = resolve(document, reference)
    return message


def examples_of(document: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    return [example["payload"] for example in message_of(document, channel)["examples"]]


async def test_it_lists_the_channels_and_their_directions(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {INBOX, SUBMIT, LOGGED, REFUSED, REPLY}
    actions = {name: operation["action"] for name, operation in document["operations"].items()}
    assert actions == {INBOX: "receive", SUBMIT: "receive", LOGGED: "send", REFUSED: "send"}
    assert resolve(document, document["operations"][SUBMIT]["reply"]["channel"])["address"] is None
    for name in (LOGGED, REFUSED):
        assert set(document["channels"][name]["parameters"]) == set(re.findall(r"\{(\w+)\}", name))


async def test_every_reference_resolves(document: dict[str, Any]) -> None:
    assert references(document)
    for reference in references(document):
        assert resolve(document, reference)


async def test_examples_match_their_schemas(document: dict[str, Any]) -> None:
    for channel in document["channels"]:
        for example in examples_of(document, channel):
            strict_validator(document, message_of(document, channel)["payload"]).validate(example)


async def test_example_events_are_accepted(document: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    assert SEED in examples_of(document, INBOX)
    for channel in (INBOX, SUBMIT):
        for example in examples_of(document, channel):
            assert read_event(json.dumps(example).encode(), now=now, new_id=uuid4).event_type == "page_view"
    for example in examples_of(document, LOGGED):
        entry = json.dumps(example).encode()
        assert read_entry(entry, logged_at=now, upcasters=NO_UPCASTERS).user_id == 123


async def test_schemas_name_the_members_of_real_messages(
    document: dict[str, Any], nats: Client, log: LogClient
) -> None:
    def fields(channel: str) -> set[str]:
        return set(resolve(document, message_of(document, channel)["payload"])["properties"])

    assert fields(INBOX) == fields(SUBMIT) == fields(LOGGED) == {"event_id", *SEED, "event_version"}
    accepted = json.loads((await nats.request(SUBMIT, json.dumps(SEED).encode(), timeout=10)).data)
    refused = json.loads((await nats.request(SUBMIT, b"{}", timeout=10)).data)
    assert {*accepted, *refused} == fields(REPLY)
    for example, real in zip(examples_of(document, REPLY), (accepted, refused), strict=True):
        assert set(example) == set(real)
    Cursor.parse(examples_of(document, REPLY)[0]["cursor"])
    assert fields(REFUSED) == set(Rejected.__struct_fields__)


async def test_headers_match_real_messages(document: dict[str, Any], nats: Client, log: LogClient) -> None:
    await nats.request(INBOX, b"{}", timeout=10)
    await nats.request(SUBMIT, json.dumps(SEED).encode(), timeout=10)
    await until_inbox_is_empty(log)
    for channel, stream in ((LOGGED, LOG_STREAM), (REFUSED, REJECTED_STREAM)):
        message = message_of(document, channel)
        judge = strict_validator(document, message["headers"])
        judge.validate((await nats.jetstream().get_msg(stream, seq=1)).headers)
        for example in message["examples"]:
            judge.validate(example["headers"])


async def test_streams_match_their_configuration(document: dict[str, Any], log: LogClient) -> None:
    streams = {}
    for channel in (INBOX, LOGGED, REFUSED):
        told = dict(document["channels"][channel]["x-jetstream"])
        streams[channel] = told.pop("stream")
        assert (await log.stream_info(streams[channel]))["config"].items() >= told.items()
    assert streams == {INBOX: INBOX_STREAM, LOGGED: LOG_STREAM, REFUSED: REJECTED_STREAM}


async def test_schemas_have_required_members_and_bounds(document: dict[str, Any]) -> None:
    schema = resolve(document, message_of(document, INBOX)["payload"])
    assert set(schema["required"]) == {"event_type"}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["event_data"]["type"] == "object"
    assert schema["properties"]["event_type"]["maxLength"] == 128
    integer, text, nothing = schema["properties"]["user_id"]["anyOf"]
    assert (integer["maximum"], text["maxLength"], nothing) == (2**63 - 1, 200, {"type": "null"})
    assert schema["properties"]["event_version"].items() >= {("minimum", 1), ("default", 1)}


async def test_the_asyncapi_page_shows_every_channel_and_asks_no_other_host(
    settings: Settings, log: LogClient, browser: Browser
) -> None:
    async with serving_command(settings) as url:
        page = await read_asyncapi_page(browser, url)
        document = await fetch(f"{url}/asyncapi.json")
    assert (page.hosts, page.complaints) == ({url.removeprefix("http://")}, [])
    for name, operation in document["operations"].items():
        assert name in page.text
        assert operation["description"].split("`")[0].strip() in page.text
    assert '"path": "/home"' in page.text
    assert "Nats-Msg-Id" in page.text
    assert "cursor" in page.text  # of the reply


async def test_the_openapi_page_shows_every_operation_without_another_host(
    settings: Settings, log: LogClient, browser: Browser
) -> None:
    async with serving_command(settings) as url:
        page = await read_openapi_page(browser, url)
        document = await fetch(f"{url}/openapi.json")
    assert (page.hosts, page.complaints) == ({url.removeprefix("http://")}, [])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert f"{path}\n" in page.text
            assert operation["summary"] in page.text
            for response in operation["responses"].values():
                assert response["description"].replace("`", "") in page.text


@pytest.mark.parametrize("path", ["/docs", "/asyncapi"])
async def test_a_documentation_page_allows_its_own_scripts_and_nothing_else(command: Command, path: str) -> None:
    answer = await command.http.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    allowed = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    hashes = [
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    ]
    assert allowed["default-src"] == allowed["base-uri"] == allowed["frame-ancestors"] == "'none'"
    assert allowed["script-src"].split() == ["'self'", *hashes]
    assert allowed["style-src"] == allowed["connect-src"] == "'self'"
    assert not re.findall(r'(?:src|href)="(?:https?:)?//|url\(|@import', answer.text)


async def test_a_password_in_the_servers_address_is_not_shown(settings: Settings, log: LogClient) -> None:
    address = settings.nats_url.replace("nats://", "nats://someone:secret@")
    async with running_command(settings.model_copy(update={"nats_url": address})) as command:
        answer = await command.http.get("/asyncapi.json")
        assert "secret" not in answer.text
        assert settings.nats_url.removeprefix("nats://") in answer.text
        document = (await command.http.get("/asyncapi.json")).json()
        [server] = document["servers"].values()
        assert [resolve(document, one)["type"] for one in server["security"]] == ["userPassword"]

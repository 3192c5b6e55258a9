"""/ws and /sse of a running service match their descriptions, and accept every documented example."""

import json
import re
from pathlib import Path

import pytest
from dirty_equals import IsPartialDict
from jsonschema_rs import Draft7Validator
from playwright.async_api import Browser

from contracts.entries import Gap
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.page.conftest import browser, chromium
from tests.query.conftest import Frame, QueryService, running_query
from tests.query.test_live_schemas import CLOSE_CODES, FRAMES, SAID
from tests.support.api_documents import Document, examples, messages, strict_validator
from tests.support.docs_pages import read_asyncapi_page, read_openapi_page
from tests.support.events import event, log_event, log_events, log_raw
from tests.support.log_damage import allow_deletes, delete_and_accept

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.writes_no_table

UPCASTERS = Path(__file__).parents[2] / "examples" / "upcasters.py"


@pytest.fixture
async def document(query: QueryService) -> Document:
    return await document_of(query)


@pytest.fixture
async def described(query: QueryService) -> dict[str, Document]:
    """The OpenAPI descriptions of /ws and /sse."""
    paths = (await query.http.get("/openapi.json")).json()["paths"]
    return {path: paths[path]["get"] for path in ("/ws", "/sse")}


async def document_of(query: QueryService) -> Document:
    answer = await query.http.get("/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: Document = answer.json()
    return found


def judge_of(document: Document, frame: Frame) -> Draft7Validator:
    return strict_validator(document, document["components"]["messages"][frame["kind"]]["payload"])


def parameters_of(document: Document) -> Document:
    schema: Document = document["channels"]["ws"]["bindings"]["ws"]["query"]
    return schema


async def test_frames_have_exactly_the_documented_members(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.05)
    await allow_deletes(log)
    async with running_query(settings.model_copy(update={"upcasters": str(UPCASTERS)})) as query:
        document = await document_of(query)
        frames = await frames_of_an_empty_log(query)
        await log_something_of_everything(log)
        frames += await frames_of_all_there_is(query)
        frames += await frames_for_another_logs_cursor(query)
        frames += await frames_of_a_pause(query)
    for frame in frames:
        judge_of(document, frame).validate(frame)
    assert {frame["kind"] for frame in frames} == FRAMES
    shown = [one for frame in frames if frame["kind"] == "events" for one in frame["events"]]
    assert {one["user_id"] for one in shown} >= {str(-(2**63)), str(2**63 - 1)}
    assert {one.get("event_version", 1) for one in shown} == {1, 3}
    gaps = [frame["resumed_at"].split(":")[1:] for frame in frames if frame["kind"] == "gap"]
    assert {fingerprint for _, fingerprint in gaps} >= {"", "00000000"}  # the start of another log, and lost entries


async def frames_of_an_empty_log(query: QueryService) -> list[Frame]:
    async with query.socket() as socket:
        await socket.until("caught_up")
    assert socket.hello == IsPartialDict(first=None, last=None)
    return socket.frames


async def log_something_of_everything(log: LogClient) -> None:
    await log_events(log, (event("页面", user_id) for user_id in (-(2**63), 2**63 - 1)))
    await log_event(log, event("order_completed", data='{"total":12.5}'))
    await log_raw(log, b'{"event_type":"no event"}')
    from_another_program = {
        "event_type": "x",
        "user_id": 1,
        "created_at": "2026-03-01T13:00:00.25+01:00",
        "event_data": {},
    }
    await log_raw(log, json.dumps({"event_id": str(event().event_id), **from_another_program}).encode())
    await log_events(log, [event("checkout.paid") for _ in range(4)])
    await delete_and_accept(log, Gap(6, 7))


async def frames_of_all_there_is(query: QueryService) -> list[Frame]:
    async with query.socket("earliest", batch=2) as socket:
        await socket.until("caught_up")
        await socket.say("filter", event_type=["checkout.*"], user_id=-(2**63))
        await socket.say("seek", **{"from": "earliest", "until": "-0s", "speed": 100_000, "clock": "event"})
        await socket.until("end")
    return socket.frames


async def frames_for_another_logs_cursor(query: QueryService) -> list[Frame]:
    async with query.socket("another:2:0123456789abcdef") as socket:
        await socket.until("gap")
    return socket.frames


async def frames_of_a_pause(query: QueryService) -> list[Frame]:
    async with query.socket() as socket:
        await socket.say("pause")
        await socket.until("progress")
        await socket.say("resume")
    return socket.frames


async def test_every_example_of_a_message_is_accepted(query: QueryService, document: Document) -> None:
    for message in messages(document, "messages").values():
        for example in examples(message):
            async with query.socket() as socket:
                state = await socket.say(**example)
            asked = {name: value for name, value in example.items() if name not in ("kind", "from")}
            assert state == IsPartialDict(paused=example["kind"] == "pause", **asked)


async def test_every_message_in_openapi_is_accepted(query: QueryService, described: dict[str, Document]) -> None:
    shown = re.findall(rf'\{{"kind":"(?:{"|".join(SAID)})".*?\}}', described["/ws"]["description"])
    messages = [json.loads(text) for text in shown]
    assert {message["kind"] for message in messages} == SAID
    for message in messages:
        async with query.socket() as socket:
            await socket.say(**message)


async def test_every_example_of_a_parameter_is_accepted(query: QueryService, document: Document) -> None:
    parameters = parameters_of(document)["properties"]
    examples = [(name, example) for name, one in parameters.items() for example in one.get("examples", [])]
    assert {name for name, _ in examples} >= {"from", "until", "event_type", "user_id", "speed"}
    for name, example in examples:
        strict_validator(document, parameters_of(document)).validate({name: example})
        async with query.socket(**{name: example}):
            pass
        async with query.http.stream("GET", "/sse", params={name: example}) as answer:
            assert answer.status_code == 200, (name, example)


async def test_openapi_and_asyncapi_describe_each_parameter_alike(
    document: Document, described: dict[str, Document]
) -> None:
    def told(schema: Document) -> Document:
        return {key: schema.get(key) for key in ("description", "examples", "enum", "maximum", "maxItems")}

    parameters = {name: told(schema) for name, schema in parameters_of(document)["properties"].items()}
    for path in ("/ws", "/sse"):
        in_query = [one for one in described[path]["parameters"] if one["in"] == "query"]
        assert {one["name"]: told(one["schema"]) for one in in_query} == parameters


async def test_a_documented_default_applies_without_the_parameter(query: QueryService, document: Document) -> None:
    parameters = parameters_of(document)["properties"]
    defaults = {name: schema["default"] for name, schema in parameters.items() if "default" in schema}
    assert set(defaults) == {"from", "event_type", "speed", "clock", "batch"}
    async with query.socket() as without, query.socket(**defaults) as given:
        assert given.hello == without.hello
        assert await given.say("resume") == await without.say("resume")


async def test_the_example_of_an_event_stream_looks_like_a_real_one(
    query: QueryService, log: LogClient, document: Document, described: dict[str, Document]
) -> None:
    await log_event(log, event())
    real = (await query.http.get("/sse", params={"from": "earliest", "until": "-0s"})).text
    example = described["/sse"]["responses"]["200"]["content"]["text/event-stream"]["example"]
    for text in (real, example):
        matched = re.fullmatch(r"retry: 1000\n\n((?:id: \S+\ndata: \{.*\}\n\n)+)(?:: 1000 .*\n\n)?", text)
        assert matched, text
        for block in matched[1].strip().split("\n\n"):
            last_event_id, data = (line.partition(": ")[2] for line in block.splitlines())
            frame = json.loads(data)
            judge_of(document, frame).validate(frame)
            assert last_event_id == frame["cursor"]


async def test_the_asyncapi_page_shows_everything_without_another_host(
    query: QueryService, document: Document, browser: Browser
) -> None:
    page = await read_asyncapi_page(browser, query.url)
    assert (page.hosts, page.complaints) == ({query.url.removeprefix("http://")}, [])
    for kind in FRAMES | SAID:
        assert kind in page.text
    for name in (*parameters_of(document)["properties"], "event_data"):
        assert name in page.text
    for code in CLOSE_CODES:
        assert str(code) in page.text
    assert document["servers"]["query"]["host"] in page.text


async def test_the_openapi_page_shows_every_operation_without_another_host(
    query: QueryService, browser: Browser
) -> None:
    page = await read_openapi_page(browser, query.url)
    assert (page.hosts, page.complaints) == ({query.url.removeprefix("http://")}, [])
    for path, operations in (await query.http.get("/openapi.json")).json()["paths"].items():
        assert f"{path}\n" in page.text
        for operation in operations.values():
            assert operation["summary"] in page.text


async def test_the_document_names_the_address_that_the_client_used(
    settings: Settings, log: LogClient, query: QueryService, document: Document
) -> None:
    own = {"query": {"host": query.url.removeprefix("http://"), "protocol": "ws"}}
    assert document["servers"] == own
    forwarded = {"Host": "live.example", "X-Forwarded-Proto": "https"}
    untrusted = await query.http.get("/asyncapi.json", headers={"X-Forwarded-Proto": "https"})
    assert untrusted.json()["servers"] == own
    proxied = settings.model_copy(update={"allowed_hosts": "live.example", "trusted_proxies": "127.0.0.1"})
    async with running_query(proxied.model_copy(update={"query_port": free_port()})) as behind_a_proxy:
        found = (await behind_a_proxy.http.get("/asyncapi.json", headers=forwarded)).json()
        assert found["servers"] == {"query": {"host": "live.example", "protocol": "wss"}}
        # the page loads the document from its own address
        page = (await behind_a_proxy.http.get("/asyncapi", headers=forwarded)).text
        assert '<asyncapi-viewer src="asyncapi.json"' in page

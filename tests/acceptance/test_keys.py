"""With keys, nobody without one writes or reads; with the right one, everything works as without."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from runtime.access.keys import Created, KeyStore, authorization
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.page.conftest import browser, chromium, page_tools
from tests.support.processes import run_tailrace
from tests.support.services import running_services
from tests.support.waiting import until

__all__ = ["browser", "chromium", "page_tools"]

EVENT = '{"event_type":"page_view","user_id":1,"event_data":{}}'
OPEN = ("/health", "/docs", "/asyncapi", "/openapi.json", "/ping")


@pytest.fixture
def with_keys(settings: Settings) -> Settings:
    return settings.model_copy(update={"projection_port": free_port()})


@pytest.fixture
async def keys(log: LogClient) -> dict[str, Created]:
    store = KeyStore(log)
    return {
        "write": await store.create("write"),
        "read": await store.create("read"),
        "metrics": await store.create("metrics"),
    }


@pytest.fixture
async def services(with_keys: Settings, keys: dict[str, Created]) -> AsyncIterator[Mapping[str, str]]:
    async with running_services(with_keys, TAILRACE_REQUIRE_KEYS="true") as addresses:
        yield addresses


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def using(key: Created) -> dict[str, str]:
    return authorization(key.text)


async def test_every_documented_route_needs_a_key(services: Mapping[str, str], http: httpx.AsyncClient) -> None:
    asked = 0
    for name in ("command", "query"):
        document = (await http.get(f"{services[name]}/openapi.json")).json()
        routes = [(path, verb) for path, verbs in document["paths"].items() for verb in verbs]
        routes += [("/metrics", "get"), ("/status", "get"), ("/nothing", "get"), ("/tickets", "post")]
        for path, verb in routes:
            if not path.startswith(OPEN):
                answer = await http.request(verb, services[name] + path.replace("{event_id}", "x"))
                assert answer.status_code == 401, (name, verb, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.headers["content-type"] == "application/problem+json"
                asked += 1
    assert (await http.get(f"{services['projection']}/metrics")).status_code == 401
    assert asked >= 12


async def test_a_key_opens_what_its_kind_permits(
    services: Mapping[str, str], keys: dict[str, Created], http: httpx.AsyncClient
) -> None:
    command, query = services["command"], services["query"]
    permitted = {
        ("post", f"{command}/events"): {"write"},
        ("get", f"{command}/status"): {"read"},
        ("get", f"{command}/metrics"): {"metrics", "read"},
        ("get", f"{query}/stats"): {"read"},
        ("get", f"{query}/events"): {"read"},
        ("get", f"{query}/metrics"): {"metrics", "read"},
        ("get", f"{services['projection']}/metrics"): {"metrics", "read"},
    }
    for (verb, url), kinds in permitted.items():
        for kind, key in keys.items():
            content = EVENT if verb == "post" else None
            answer = await http.request(verb, url, content=content, headers=using(key))
            assert answer.is_success == (kind in kinds), (url, kind)
            assert answer.is_success or answer.status_code == 403, (url, kind)


async def test_health_shows_no_detail_without_a_key(
    services: Mapping[str, str], keys: dict[str, Created], http: httpx.AsyncClient
) -> None:
    for name in ("command", "query", "projection"):
        url = f"{services[name]}/health/ready"
        assert (await http.get(url)).json() == {"status": "ok"}
        assert (await http.get(url, headers=using(keys["write"]))).json() == {"status": "ok"}
        assert "log" in (await http.get(url, headers=using(keys["read"]))).json()


async def test_a_stream_needs_a_read_key_or_a_ticket_which_works_once(
    services: Mapping[str, str], keys: dict[str, Created], http: httpx.AsyncClient
) -> None:
    address = services["query"].replace("http", "ws") + "/ws?from=earliest"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, proxy=None)
    assert refused.value.response.status_code == 401
    async with connect(address, proxy=None, additional_headers=using(keys["read"])) as socket:
        assert json.loads(await socket.recv())["kind"] == "hello"
    issued = await http.post(f"{services['query']}/tickets", headers=using(keys["read"]))
    with_ticket = f"{address}&ticket={issued.json()['ticket']}"
    async with connect(with_ticket, proxy=None) as socket:
        assert json.loads(await socket.recv())["kind"] == "hello"
    with pytest.raises(InvalidStatus):
        await connect(with_ticket, proxy=None)
    refused_ticket = await http.post(f"{services['query']}/tickets", headers=using(keys["write"]))
    assert refused_ticket.status_code == 403


async def test_a_revoked_key_stops_working(
    services: Mapping[str, str], keys: dict[str, Created], http: httpx.AsyncClient, log: LogClient
) -> None:
    url = f"{services['query']}/stats"
    assert (await http.get(url, headers=using(keys["read"]))).status_code == 200
    await KeyStore(log).revoke(keys["read"].key.id)

    async def refused() -> bool:
        return (await http.get(url, headers=using(keys["read"]))).status_code == 401

    await until(refused)


async def test_a_key_bound_to_an_origin_works_for_its_pages_and_a_rate_limits_requests(
    services: Mapping[str, str], http: httpx.AsyncClient, log: LogClient
) -> None:
    created = await KeyStore(log).create("write", origins=["https://shop.example"], rate=0.01)
    url = f"{services['command']}/events"
    ours, theirs = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}

    async def known() -> bool:
        return (await http.options(url, headers=ours | {"Access-Control-Request-Method": "POST"})).status_code == 200

    await until(known)
    assert (await http.post(url, content=EVENT, headers=using(created) | theirs)).status_code == 403
    sent = await http.post(url, content=EVENT, headers=using(created) | ours)
    assert sent.status_code == 202
    assert sent.headers["access-control-allow-origin"] == "https://shop.example"
    limited = await http.post(url, content=EVENT, headers=using(created) | ours)
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0


async def test_a_user_logs_in_to_the_page_with_a_read_key(
    services: Mapping[str, str], keys: dict[str, Created], browser: Browser, page_tools: Path, http: httpx.AsyncClient
) -> None:
    sent = await http.post(f"{services['command']}/events", content=EVENT, headers=using(keys["write"]))
    assert sent.status_code == 202
    page = await browser.new_page()
    await page.goto(services["query"])
    await page.get_by_label("Read key").fill("not a key")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text("This is not a valid read key.")
    await page.get_by_label("Read key").fill(keys["read"].text)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_test_id("connection")).to_contain_text("Live")
    [cookie] = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert keys["read"].text not in cookie["value"]
    await page.close()


async def test_commands_send_the_keys_of_the_settings(
    with_keys: Settings, services: Mapping[str, str], keys: dict[str, Created], tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(EVENT + "\n")
    variables = {"TAILRACE_WRITE_KEY": keys["write"].text, "TAILRACE_READ_KEY": keys["read"].text}
    run = asyncio.to_thread
    imported = await run(run_tailrace, with_keys, "import", str(file))
    assert imported.returncode == 1
    assert "a valid write key is needed" in imported.stderr
    imported = await run(lambda: run_tailrace(with_keys, "import", str(file), **variables))
    assert imported.returncode == 0, imported.stderr
    tail = await run(
        lambda: run_tailrace(with_keys, "tail", "--from", "earliest", "--no-follow", "--json", **variables)
    )
    assert '"page_view"' in tail.stdout, tail.stderr


@pytest.mark.writes_no_table
async def test_a_service_beyond_loopback_refuses_to_start_without_keys(with_keys: Settings, log: LogClient) -> None:
    for name in ("command", "query", "projection"):
        start = partial(run_tailrace, with_keys, "serve", name, TAILRACE_REQUIRE_KEYS="true")
        ended = await asyncio.to_thread(start)
        assert ended.returncode == 1
        assert "needs keys, and there are none" in ended.stderr


@pytest.mark.writes_no_table
async def test_keys_are_made_listed_rotated_and_revoked_on_the_command_line(
    with_keys: Settings, log: LogClient
) -> None:
    def run(*arguments: str) -> str:
        ended = run_tailrace(with_keys, "keys", *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def script() -> None:
        text = run("create", "write", "--name", "shop \x1b]0;title\x07", "--origin", "https://shop.example")
        assert text.startswith("tr_write_")
        [listed] = [json.loads(line) for line in run("list", "--json").splitlines()]
        assert listed["origins"] == ["https://shop.example"]
        shown = run("list")
        assert "\x1b" not in shown
        assert text.strip().split("_", 3)[3] not in shown
        assert run("rotate", listed["id"]) != text
        assert "revoked the write key" in run("revoke", listed["id"])
        refused = run_tailrace(with_keys, "keys", "create", "write", "--origin", "shop.example")
        assert refused.returncode == 1
        assert "is not an origin" in refused.stderr

    await asyncio.to_thread(script)

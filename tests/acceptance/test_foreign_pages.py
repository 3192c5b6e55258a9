"""Pages of other origins can neither write to the log nor read it, in a real Chromium."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Browser, Page

from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.page.conftest import browser, chromium
from tests.support.services import running_services
from tests.support.waiting import until

__all__ = ["browser", "chromium"]

EVENT = '{"event_type":"page_view","user_id":1,"event_data":{}}'
ATTACKS = {
    "fetch": "fetch(address + '/events', {method: 'POST', mode: 'no-cors', body: event}).then(() => {}, () => {})",
    "beacon": "navigator.sendBeacon(address + '/events', event)",
    "form": """{
        const frame = document.createElement("iframe");
        frame.name = "target";
        document.body.appendChild(frame);
        const form = document.body.appendChild(document.createElement("form"));
        Object.assign(form, {action: address + "/events", method: "post", enctype: "text/plain", target: "target"});
        const field = form.appendChild(document.createElement("input"));
        field.name = event.slice(0, -2) + '"x":"';
        field.value = '"}}';
        form.submit();
    }""",
    "read": "fetch(address + '/stats').then((answer) => answer.text(), () => null)",
    "socket": """new Promise((done) => {
        const socket = new WebSocket(address.replace("http", "ws") + "/ws?from=earliest");
        socket.onmessage = (message) => done(message.data);
        socket.onclose = () => done(null);
    })""",
    "stream": """new Promise((done) => {
        const source = new EventSource(address + "/sse?from=earliest");
        source.onmessage = (message) => done(message.data);
        source.onerror = () => { source.close(); done(null); };
    })""",
}


@asynccontextmanager
async def foreign_page(browser: Browser) -> AsyncIterator[Page]:
    """A page of another origin on this machine, such as any development server's."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<!doctype html><title>foreign</title>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    page = await browser.new_page()
    await page.goto(f"http://localhost:{server.sockets[0].getsockname()[1]}/")
    yield page
    await page.close()
    server.close()


@pytest.fixture
def with_ports(settings: Settings) -> Settings:
    return settings.model_copy(update={"projection_port": free_port()})


async def attack(page: Page, name: str, address: str) -> object:
    return await page.evaluate(f"([address, event]) => {ATTACKS[name]}", [address, EVENT])


async def test_a_page_of_another_origin_neither_writes_nor_reads(
    with_ports: Settings, log: LogClient, browser: Browser
) -> None:
    async with running_services(with_ports) as addresses, foreign_page(browser) as page:
        async with httpx.AsyncClient(trust_env=False) as http:
            stored = await http.post(f"{addresses['command']}/events", content=EVENT)
        assert stored.status_code == 202
        assert await attack(page, "beacon", addresses["command"])
        async with page.expect_request("**/events"):
            await attack(page, "form", addresses["command"])
        await attack(page, "fetch", addresses["command"])
        for name in ("read", "socket", "stream"):
            assert await attack(page, name, addresses["query"]) is None
        assert (await log.state()).last_seq == 1


async def test_a_listed_origin_writes_and_reads(with_ports: Settings, log: LogClient, browser: Browser) -> None:
    async with foreign_page(browser) as page:
        origin = page.url.rstrip("/")
        async with running_services(with_ports, TAILRACE_ALLOWED_ORIGINS=origin) as addresses:
            for number, name in enumerate(("fetch", "beacon"), start=1):
                await attack(page, name, addresses["command"])

                async def logged(count: int = number) -> bool:
                    return (await log.state()).last_seq == count

                await until(logged)
            assert '"events"' in str(await attack(page, "read", addresses["query"]))
            for name in ("socket", "stream"):
                assert '"hello"' in str(await attack(page, name, addresses["query"]))


PATHS = ("/", "/stats", "/health/live", "/metrics", "/openapi.json", "/nothing")


async def test_every_route_of_every_service_refuses_an_unknown_host(with_ports: Settings, log: LogClient) -> None:
    async with running_services(with_ports) as addresses, httpx.AsyncClient(trust_env=False) as http:
        for url in (address + path for address in addresses.values() for path in PATHS):
            answer = await http.get(url, headers={"Host": "evil.example"})
            assert answer.status_code == 421
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"] == "the host 'evil.example' is not in TAILRACE_ALLOWED_HOSTS"

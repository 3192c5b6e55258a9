"""The documentation site in a real Chromium, opened from its folder."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.page.conftest import Visitor
from tests.support.site import build_site


@pytest.fixture
def site(tmp_path: Path) -> str:
    built = build_site(tmp_path / "site")
    assert built.returncode == 0, built.stderr
    return (tmp_path / "site").as_uri()


@pytest.fixture
def reader(browser: Browser) -> Visitor:
    return Visitor(browser)


async def test_the_site_reads_without_a_server_and_requests_nothing_from_other_hosts(
    site: str, reader: Visitor
) -> None:
    requested: list[str] = []
    async with reader.visit(f"{site}/index.html") as page:
        page.on("request", lambda request: requested.append(request.url))
        await page.get_by_role("link", name="Operations", exact=True).first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Operations")
        await page.locator(".toc-tree a").last.click()
        await expect(page.get_by_role("heading").last).to_be_in_viewport()
        await page.get_by_role("link", name="Interfaces", exact=True).first.click()
        for name in ("openapi.command.json", "asyncapi.command.json", "openapi.query.json", "asyncapi.query.json"):
            await expect(page.get_by_role("link", name=name)).to_be_visible()
    assert requested
    assert [url for url in requested if not url.startswith((site, "data:", "blob:"))] == []


async def test_the_search_works_without_a_server(site: str, reader: Visitor) -> None:
    async with reader.visit(f"{site}/docs/index.html") as page:
        await page.get_by_placeholder("Search").fill("rollback")
        await page.get_by_placeholder("Search").press("Enter")
        await expect(page.locator("#search-results a", has_text="Operations").first).to_be_visible()

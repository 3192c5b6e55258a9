"""Breakdowns by properties: chosen from those that occur, each value a filter of the whole page."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Locator, Page, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import expect_state, paths
from tests.page.conftest import PHONE, Check, Visitor
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import running_projector, until_projected

VISITS = [("/a", "DE", 1), ("/a", "DE", 2), ("/b", "FR", 2), ("/b", None, 3), ("/c", "DE", 3)]
WEB = {"method": "GET", "status": 200, "browser": "Firefox", "bot": None, "referrer_domain": "example.org"}


async def _counted(
    query: QueryService, log: LogClient, settings: Settings, connection: asyncpg.Connection, data: list[Any]
) -> AsyncIterator[QueryService]:
    at = datetime.now(UTC) - timedelta(minutes=10)
    await log_events(log, [event("view", user, at, json.dumps(one)) for user, one in data])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        yield query


@pytest.fixture
async def visits(
    query: QueryService, log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> AsyncIterator[QueryService]:
    """The query service with events that have a path and a country."""
    data = [(user, {"path": path, "geo": {"country": country}}) for path, country, user in VISITS]
    async for service in _counted(query, log, settings, connection, data):
        yield service


@pytest.fixture
async def requests(
    query: QueryService, log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> AsyncIterator[QueryService]:
    """The query service with web requests as they are imported."""
    data = [(1, WEB | {"path": "/docs", "asset": False}), (1, WEB | {"path": "/app.js", "asset": True})]
    data += [(2, WEB | {"path": "/docs", "asset": False, "browser": None, "bot": "Googlebot", "status": 404})]
    async for service in _counted(query, log, settings, connection, data):
        yield service


def values(page: Page) -> Locator:
    return page.get_by_role("region", name="Top values").locator("tbody tr")


async def test_a_value_of_any_property_filters_the_whole_page(visits: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{visits.url}/?range=1h") as page:
        await expect_state(page, "Live")
        await expect(values(page)).to_have_text(["/a240%2 users", "/b240%2 users", "/c120%1 user"])
        await page.get_by_label("Property").select_option(label="geo.country")
        await expect(values(page)).to_have_text(["DE375%3 users", "FR125%1 user"])
        await expect(page.get_by_text("0 events with other values · 1 without geo.country")).to_be_visible()
        await values(page).get_by_role("button", name="DE").click()
        await expect(page.locator(".key-figure-value").first).to_have_text("3")
        await expect(paths(page)).to_have_text(["/c", "/a", "/a"])
        await page.get_by_label("Property").select_option(label="path")
        await expect(values(page)).to_have_text(["/a267%2 users", "/c133%1 user"])
        await expect(page).to_have_url(re.compile(r"where=event_data.geo.country:DE&by=event_data.path$"))
        await page.reload()
        await expect(values(page)).to_have_text(["/a267%2 users", "/c133%1 user"])
        await expect(paths(page)).to_have_text(["/c", "/a", "/a"])
        await page.get_by_role("button", name="Remove the filter geo.country: DE").click()
        await expect(page.locator(".key-figure-value").first).to_have_text("5")
        await expect(paths(page)).to_have_count(5)


async def test_a_breakdown_and_the_chart_are_exported(visits: QueryService, visitor: Visitor, tmp_path: Path) -> None:
    async with visitor.visit(f"{visits.url}/?range=1h&type=view") as page:
        await expect(values(page)).to_have_count(3)

        async def exported(region: str) -> list[list[str]]:
            async with page.expect_download() as downloading:
                await page.get_by_role("region", name=region).get_by_role("link", name="CSV").click()
            saved = tmp_path / region
            await (await downloading.value).save_as(saved)
            return list(csv.reader(io.StringIO(saved.read_text())))

        assert (await exported("Top values"))[:3] == [["value", "events", "users"], ["/a", "2", "2"], ["/b", "2", "2"]]
        head, *rows = await exported("Overview")
        assert head == ["bucket", "event_type", "events", "users"]
        assert [row[1:3] for row in rows] == [["view", "5"]]


async def test_web_requests_have_ready_breakdowns(requests: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{requests.url}/?range=1h") as page:
        choice = page.get_by_label("Property")
        await expect(values(page)).to_have_text(["/docs2100%2 users"])  # pages without assets
        ready = choice.locator("optgroup[label='Web requests'] option")
        await expect(ready).to_have_text(["Pages", "Status codes", "Referrers", "Browsers", "Bots", "Methods"])
        await choice.select_option("Bots")
        await expect(values(page)).to_have_text(["Googlebot1100%1 user"])
        await choice.select_option("Status codes")
        await expect(values(page)).to_have_text(["200267%1 user", "404133%1 user"])
        await values(page).get_by_role("button", name="404").click()
        await expect(page.locator(".key-figure-value").first).to_have_text("1")
        await expect(page).to_have_url(re.compile(r"where=event_data.status:404&by=statuses$"))


@pytest.mark.parametrize("screen", [{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "dark phone"])
async def test_breakdowns_are_accessible(
    visits: QueryService, visitor: Visitor, accessibility_violations: Check, screen: dict[str, Any]
) -> None:
    async with visitor.visit(f"{visits.url}/?range=1h&where=event_data.path:/a", **screen) as page:
        await expect(values(page)).to_have_count(1)
        assert await accessibility_violations(page) == []
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await page.evaluate(fits)

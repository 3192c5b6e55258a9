"""The page's breakdowns by the dimensions of declared rollups."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import recent_event
from tests.page.conftest import Check, Visitor
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projections import declare, running_projections, until_shown
from tests.support.projector import running_projector, until_projected

PLANS = """
from tailrace import Count, Rollup

class Plans(Rollup):
    version = 1
    events = ["*"]
    by = {"plan": "event_data.plan", "country": "event_data.country"}
    every = ["day"]
    sales = Count()
"""


@pytest.fixture
async def shop(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", tmp_path: Path
) -> AsyncIterator[QueryService]:
    folder = declare(declare(tmp_path / "projections"), PLANS, "plans")
    own = settings.model_copy(update={"projections": str(folder), "replay_share": 1.0})
    now = datetime.now(UTC)
    orders = [("DE", 500, 1), ("DE", 700, 2), ("DE", 100, 2), ("FR", 2500, 3), (None, 50, 4)]
    await log_events(
        log,
        [
            event(
                "order.completed",
                user,
                now - timedelta(minutes=number),
                json.dumps({"country": country, "amount": {"cents": cents}, "plan": "" if user == 1 else "pro"}),
            )
            for number, (country, cents, user) in enumerate(orders)
        ],
    )
    async with running_projector(own), running_projections(own) as task:
        await until_shown(connection, ["revenue", "plans"], 5, task)
        yield query


async def test_each_dimension_of_a_rollup_is_a_breakdown_with_its_measures(
    shop: QueryService, visitor: Visitor, accessibility_violations: Check
) -> None:
    async with visitor.visit(f"{shop.url}/?range=24h", timezone_id="UTC") as page:
        panel = page.get_by_role("region", name="Your rollups")
        await panel.get_by_label("by").select_option("revenue.country")
        await expect(panel.get_by_role("row")).to_have_count(4)
        await expect(panel.locator("tbody tr").first).to_contain_text("DE31,300")
        await expect(panel.locator("tbody tr").last).to_contain_text("none150")
        await panel.get_by_role("button", name="cents").click()
        await expect(panel.locator("tbody tr").first).to_contain_text("FR12,500")
        await expect(panel).to_contain_text("In whole hours (UTC), from ")
        await panel.get_by_label("by").select_option("plans.plan")
        await expect(panel.locator("tbody tr").first).to_contain_text("pro4")
        await expect(panel.locator("tbody tr").last).to_contain_text("empty text1")
        await expect(panel).to_contain_text("In whole days (UTC), from ")
        assert await accessibility_violations(page) == []


async def test_a_stopped_projection_is_named_beside_the_health_dot(
    shop: QueryService, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await connection.execute("update tailrace.projections set error = 'no more' where name = 'plans'")
    async with visitor.visit(f"{shop.url}/?range=24h") as page:
        health = page.get_by_test_id("lag")
        await expect(health).to_have_text("Up to date · 1 projection stopped")
        await health.click()
        details = page.get_by_role("region", name="Pipeline")
        await expect(details).to_contain_text("Projection plans, version 1stopped: no more")


async def test_the_built_in_pages_are_no_rollup_of_the_users(
    query: QueryService, visitor: Visitor, settings: Settings, log: LogClient, connection: "asyncpg.Connection"
) -> None:
    await log_events(log, [recent_event("page_view")])
    async with running_projector(settings) as projecting, visitor.visit("about:blank") as page:
        await until_projected(connection, log, projecting)
        async with page.expect_response(f"{query.url}/projections") as listing:
            await page.goto(query.url)
        assert [one["name"] for one in (await (await listing.value).json())["projections"]] == ["pages"]
        await expect(page.get_by_role("region", name="Top values").locator("tbody tr")).to_have_count(1)
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        await expect(page.get_by_role("region", name="Your rollups")).to_have_count(0)

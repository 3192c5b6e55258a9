"""Ranges past retention: everything that is still known is shown."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import recent_event
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_events
from tests.support.projector import running_projector, until_projected

HOUR = 3_600.0
REFUSED = "422"
FROM_EVENTS = "?range=7d&by=event_data.plan"  # values that no counts know


@pytest.fixture
async def kept_since_midnight(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection"
) -> AsyncIterator[QueryService]:
    """A model with single events since midnight and counts of three days."""
    ago = [70 * HOUR, 50 * HOUR, 26 * HOUR, 1.0]
    await log_events(log, [recent_event(user_id=number, path=f"/{number}", ago=ago[number]) for number in range(4)])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        await connection.execute("update projection_position set raw_from = $1", midnight)
        yield query


async def test_counts_of_a_range_past_retention_are_shown(kept_since_midnight: QueryService, visitor: Visitor) -> None:
    url = kept_since_midnight.url
    async with visitor.visit(f"{url}/{FROM_EVENTS}", allowed_errors=REFUSED) as page:
        history = page.get_by_role("region", name="Overview")
        await expect(history.locator(".key-figure-value").first).to_have_text("4")
        await expect(page.get_by_role("img", name="Events per hour in the last 7 days")).to_have_attribute(
            "aria-label", re.compile("4 in total")
        )
        await expect(history).to_contain_text("No comparison with the period before")
        await expect(page.get_by_role("alert")).to_have_count(0)
        values = page.get_by_role("region", name="Top values")
        await expect(values).to_contain_text(re.compile("Not available for this range: .*single events are kept from"))
        await expect(page.get_by_text("Retrying.")).to_have_count(0)
        await page.get_by_role("radio", name="All", exact=True).check()
        await expect(history.locator(".key-figure-value").first).to_have_text("4")
        await expect(values).to_contain_text("Not available for this range")
        await expect(history).not_to_contain_text("comparison")


async def test_paths_of_page_views_are_known_past_retention(
    kept_since_midnight: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(f"{kept_since_midnight.url}/?range=7d", allowed_errors=REFUSED) as page:
        values = page.get_by_role("region", name="Top values")
        await expect(values.locator("tbody tr")).to_have_text([f"/{number}125%1 user" for number in range(4)])
        await expect(values).to_contain_text("Only page_view")


async def test_rejected_requests_are_not_repeated(kept_since_midnight: QueryService, visitor: Visitor) -> None:
    asked: list[str] = []
    async with visitor.visit(f"{kept_since_midnight.url}/{FROM_EVENTS}", allowed_errors=REFUSED) as page:
        values = page.get_by_role("region", name="Top values")
        await expect(values).to_contain_text("Not available for this range")
        page.on("request", lambda request: asked.append(request.url))
        for _ in range(3):
            async with page.expect_response(re.compile("/stats.*from=")):
                pass
        assert [url for url in asked if "top=" in url or "compare=" in url] == []

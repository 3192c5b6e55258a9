"""The heat map of users that return."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import recent_event
from tests.page.conftest import PHONE, Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_events
from tests.support.projector import running_projector, until_projected

DAY = 86_400.0


@pytest.fixture
async def visited(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection"
) -> AsyncIterator[QueryService]:
    """Four users signed up three days ago; two of them came back a day later, one of these by a click."""
    events = [recent_event("sign_up", user, ago=3 * DAY) for user in range(1, 5)]
    events += [recent_event("page_view", 1, ago=2 * DAY), recent_event("click", 2, ago=2 * DAY)]
    events += [recent_event("page_view", 9, ago=60)]
    await log_events(log, events)
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        yield query


async def test_the_heat_map_shows_which_users_of_a_cohort_return(visited: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{visited.url}/?range=7d") as page:
        async with page.expect_request("**/retention?*"):
            await page.get_by_text("Retention", exact=True).click()
        panel = page.locator("details.retention")
        await panel.get_by_role("radio", name="Days").check()
        row = panel.locator("tbody tr")
        await expect(row).to_have_text(re.compile(r"4100%50%0%0%$"))
        await panel.get_by_label("and return with").select_option("page_view")
        await expect(row).to_have_text(re.compile(r"40%25%0%0%$"))
        await expect(row.locator(".cell").nth(1)).to_have_attribute("title", "1 of 4 users")
        await panel.get_by_label("Users who first sent").select_option("click")
        await expect(row).to_have_text(re.compile(r"10%0%0%$"))


async def test_the_heat_map_fits_on_a_phone(visited: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{visited.url}/?range=7d", viewport=PHONE) as page:
        await page.get_by_text("Retention", exact=True).click()
        await expect(page.locator("details.retention .cell").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

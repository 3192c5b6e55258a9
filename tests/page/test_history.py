"""The numbers of the read model on the page: the same as /stats has, of the range and the types that are chosen."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import fresh, paths, says
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_events
from tests.support.projector import running_projector, until_projected

HOUR = 3_600.0


@pytest.fixture
async def counted(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection"
) -> AsyncIterator[QueryService]:
    """The query service over a model of one event of last week, two of the hour before the last one, three of that."""
    ago = [(150 * HOUR, "click", 9, "/c"), (HOUR + 900, "order", 3, "/a"), (HOUR + 600, "click", 1, "/a")]
    ago += [(1_200, "sign_up", 1, "/b"), (900, "click", 2, "/a"), (600, "click", 1, "/a")]
    await log_events(log, [fresh(kind, user, path, ago=seconds) for seconds, kind, user, path in ago])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        yield query


async def test_totals_are_of_the_range_and_compared_with_the_period_before(
    counted: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(counted.url) as page:
        totals = page.locator(".total")
        await expect(totals.nth(0)).to_have_text("Events3+50% against 2 before")
        await expect(totals.nth(1)).to_have_text("Unique users20% against 2 before")
        await page.get_by_role("radio", name="7 days", exact=True).check()
        await expect(totals.nth(0)).to_have_text("Events6none before")
        await expect(totals.nth(1)).to_have_text("Unique users4none before")
        await expect(page).to_have_url(re.compile(r"\?range=7d$"))
        await expect(page.get_by_test_id("lag")).to_have_text("Tables up to date with the log")


async def test_types_and_paths_are_ranked_and_a_type_is_a_filter(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        types = page.get_by_role("table").filter(has_text="click").locator("tbody tr")
        await expect(types).to_have_text(["click360%2 users", "order120%1 user", "sign_up120%1 user"])
        places = page.get_by_role("region", name="Top paths").locator("tbody tr")
        await expect(places).to_have_text(["/a480%", "/b120%"])
        await types.get_by_role("button", name="sign_up").click()
        await expect(places).to_have_text(["/b1100%"])
        await expect(page.locator(".total").first).to_contain_text("Events1")
        await expect(types).to_have_count(3)  # the others are still there to be chosen
        await expect(page).to_have_url(re.compile(r"\?range=24h&type=sign_up$"))


async def test_the_chart_has_a_table_and_both_lead_back_to_a_moment(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        chart = page.get_by_role("img", name="Events per hour in the last 24 hours")
        await expect(chart).to_have_attribute("aria-label", re.compile("5 in all"))
        box = await chart.bounding_box()
        assert box is not None
        await chart.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        await says(page, "Replaying at 10×")
        await expect(page.get_by_role("combobox", name="What sets the pace")).to_have_value("event")
        await page.get_by_role("button", name="Back to now").click()
        history = page.get_by_role("region", name="History")
        await history.get_by_role("button", name="Show table").click()
        await expect(history.get_by_role("row")).to_have_count(26)
        await page.get_by_role("radio", name="Max", exact=True).check()
        await history.get_by_role("button", name="Replay from").last.click()
        # by when they happened: the oldest of the table is a day ago, and a log that is new has last week's before it
        await expect(paths(page)).to_have_text(["/a", "/a", "/b", "/a", "/a"])


async def test_a_quiet_tail_shows_what_was_last(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(counted.url) as page:
        await expect(paths(page)).to_have_text(["/a", "/a", "/b", "/a", "/a", "/c"])


async def test_a_range_without_events_says_where_they_are_and_shows_them(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [fresh(path="/imported", ago=days * 24 * HOUR) for days in (40, 41, 90)])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
    async with visitor.visit(query.url) as page:
        history = page.get_by_role("region", name="History")
        await expect(history).to_contain_text("No events in the last hour.")
        await expect(history).to_contain_text("The newest is of ")
        await history.get_by_role("button", name="Show all").click()
        await expect(history.locator(".total-value").first).to_have_text("3")
        await expect(page.get_by_role("radio", name="All", exact=True)).to_be_checked()


async def test_numbers_that_are_of_all_users_say_so_while_one_is_chosen(
    counted: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(f"{counted.url}/?user=1") as page:
        for name in ("History", "By type", "Top paths"):
            title = page.get_by_role("region", name=name).get_by_role("heading", level=2)
            await expect(title).to_contain_text("all users")
        await page.get_by_role("button", name="Show everything").click()
        await expect(page.get_by_text("all users", exact=True)).to_have_count(0)


async def test_a_rate_that_is_small_is_not_called_none(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        await expect(page.locator(".total").nth(3)).to_contain_text("Events per minute<0.1")

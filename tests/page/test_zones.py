"""The chart in several time zones: it has all events of the totals."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from playwright.async_api import Page, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import recent_event
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import running_projector, until_projected

ZONES = ["Asia/Kolkata", "Australia/Adelaide", "Africa/Cairo", "America/Santiago", "Europe/Berlin"]
CHANGED = [datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 4, 24, tzinfo=UTC), datetime(2026, 9, 6, tzinfo=UTC),
           datetime(2026, 10, 4, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]  # fmt: skip
"""Days on which clocks change in one of the zones; in two of them midnight is skipped."""
LATELY = 40


@pytest.fixture
async def counted(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection"
) -> AsyncIterator[QueryService]:
    """The query service with events of the last day and around every clock change."""
    await log_events(log, [recent_event(ago=number * 2_101.0) for number in range(LATELY)])
    around = [day + timedelta(hours=hours) for day in CHANGED for hours in range(-30, 60, 5)]
    await log_events(log, [event(created_at=at) for at in around])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        yield query


@pytest.mark.parametrize("zone", ZONES)
async def test_the_chart_adds_up_to_the_totals_in_every_zone(
    counted: QueryService, visitor: Visitor, zone: str
) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h", timezone_id=zone) as page:
        await page.get_by_role("region", name="Overview").get_by_role("button", name="Show table").click()
        await has_all(page, LATELY, "Events per hour")
        await page.get_by_role("radio", name="7 days", exact=True).check()
        await has_all(page, LATELY, "Events per hour")
        await page.get_by_role("radio", name="All", exact=True).check()
        await has_all(page, LATELY + 18 * len(CHANGED), "Events per ")
        await page.get_by_role("button", name="Show chart").click()
        chart = page.get_by_role(
            "img", name=re.compile(f"^Events per .* of all time.* {LATELY + 18 * len(CHANGED)} in total")
        )
        await expect(chart).to_be_visible()


async def has_all(page: Page, events: int, what: str) -> None:
    """Waits for a total, and compares it with the chart's table."""
    history = page.get_by_role("region", name="Overview")
    await expect(history.locator(".key-figure-value").first).to_have_text(str(events))
    await expect(history.locator("figcaption")).to_contain_text(what)
    counts = await history.locator("tbody td.number").all_text_contents()
    assert sum(int(count) for count in counts) == events


async def test_a_chosen_zone_is_used_everywhere_and_remembered(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?from=2026-10-04T00:00:00Z&to=2026-10-05T00:00:00Z") as page:
        zone = page.get_by_label("Times in")
        await expect(zone).to_have_value("Europe/Berlin")
        await page.get_by_role("region", name="Overview").get_by_role("button", name="Show table").click()
        first = page.get_by_role("region", name="Overview").locator("tbody th").last
        await expect(first).to_have_text("Sun 4 Oct, 02:00 – 03:00")
        async with page.expect_request(re.compile("tz=Asia%2FTokyo")):
            await zone.select_option("Asia/Tokyo")
        await page.get_by_role("region", name="Overview").get_by_role("button", name="Show table").click()
        await expect(first).to_have_text("Sun 4 Oct, 09:00 – 10:00")
        await page.reload()
        await expect(zone).to_have_value("Asia/Tokyo")
        await page.get_by_role("button", name="Custom").click()
        await expect(page.get_by_label("From", exact=True)).to_have_value("2026-10-04T09:00")


@pytest.mark.parametrize(
    ("locale", "clock", "hours"),
    [("en-US", r"^\d?\d:\d\d:\d\d\s[AP]M$", r", \d?\d:00\s[AP]M – "), ("de-DE", r"^\d\d:\d\d:\d\d$", r", \d\d:00 – ")],
)
async def test_times_have_12_or_24_hours_as_the_locale_has_them(
    counted: QueryService, visitor: Visitor, locale: str, clock: str, hours: str
) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h", locale=locale) as page:
        await expect(page.get_by_test_id("stream-time").locator("time")).to_have_text(re.compile(clock))
        await page.get_by_role("region", name="Overview").get_by_role("button", name="Show table").click()
        await expect(page.get_by_role("region", name="Overview").locator("tbody th").first).to_have_text(
            re.compile(hours)
        )

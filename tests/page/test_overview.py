"""The numbers of the read model: those of /stats for the selected range and types."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import expect_state, paths, recent_event
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_events
from tests.support.projector import project, running_projector, until_projected

HOUR = 3_600.0


@pytest.fixture
async def counted(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection"
) -> AsyncIterator[QueryService]:
    """The query service with one event of last week, two of the hour before the last one, three of the last hour."""
    ago = [(150 * HOUR, "click", 9, "/c"), (HOUR + 900, "order", 3, "/a"), (HOUR + 600, "click", 1, "/a")]
    ago += [(1_200, "sign_up", 1, "/b"), (900, "click", 2, "/a"), (600, "click", 1, "/a")]
    await log_events(log, [recent_event(kind, user, path, ago=seconds) for seconds, kind, user, path in ago])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
        yield query


async def test_key_figures_cover_the_range_and_show_the_change(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=1h") as page:
        figures = page.locator(".key-figure")
        await expect(figures.nth(0)).to_have_text("Events3+50% from 2")
        await expect(figures.nth(1)).to_have_text("Unique users20% from 2")
        await page.get_by_role("radio", name="7 days", exact=True).check()
        await expect(figures.nth(0)).to_have_text("Events6none before")
        await expect(figures.nth(1)).to_have_text("Unique users4none before")
        await expect(page).to_have_url(re.compile(r"\?range=7d$"))
        await page.keyboard.press("3")
        await expect(page.get_by_role("radio", name="24 hours")).to_be_checked()
        await expect(page).to_have_url(re.compile(r"\?range=24h$"))


async def test_types_and_paths_are_ranked_and_a_type_filters(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        types = page.get_by_role("table").filter(has_text="click").locator("tbody tr")
        await expect(types).to_have_text(["click360%2 users", "order120%1 user", "sign_up120%1 user"])
        places = page.get_by_role("region", name="Top values").locator("tbody tr")
        await expect(places).to_have_text(["/a480%3 users", "/b120%1 user"])
        await types.get_by_role("button", name="sign_up").click()
        await expect(places).to_have_text(["/b1100%1 user"])
        await expect(page.locator(".key-figure").first).to_contain_text("Events1")
        await expect(types).to_have_count(3)  # the other types can still be selected
        await expect(page).to_have_url(re.compile(r"\?range=24h&type=sign_up$"))


async def test_types_beyond_the_most_frequent_are_shown_together(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [recent_event("often", 1, "/", ago=600 + seconds) for seconds in range(3)])
    await log_events(log, [recent_event(f"seldom.{number}", number % 4, "/", ago=600) for number in range(104)])
    await project(settings, log, connection)
    async with visitor.visit(f"{query.url}/?range=24h") as page:
        types = page.get_by_role("region", name="By type")
        await expect(types.locator("tbody tr")).to_have_count(100)
        await expect(types.locator("tbody tr").first).to_contain_text("often33%")
        await expect(types.locator(".rest")).to_have_text("5 events of 5 other types · 4 users")
        chart = page.get_by_role("img", name=re.compile("Events per hour .*: 107 in total"))
        await expect(chart).to_be_visible()


async def test_the_chart_shows_unique_users_per_bucket(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=7d&type=click") as page:
        overview = page.get_by_role("region", name="Overview")
        await overview.get_by_role("radio", name="Unique users", exact=True).check()
        chart = page.get_by_role("img", name="Unique users per hour in the last 7 days")
        await expect(chart).to_have_attribute("aria-label", re.compile(r"most in .*: 2\.$|most in .*: 1\.$"))
        await overview.get_by_role("button", name="Show table").click()
        users = overview.get_by_role("row").locator("td:nth-of-type(2)")
        # the two clicks of the last hour are of two users, but may be in two hours
        assert sum(int(text) for text in await users.all_inner_texts()) == 4
        await overview.get_by_role("radio", name="Events", exact=True).check()
        await expect(overview.get_by_role("columnheader")).to_have_text(["Time", "Events", "Replay"])


async def test_top_paths_say_that_only_the_newest_events_are_counted(
    counted: QueryService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.stats.top.MAX_TOP_EVENTS", 3)
    async with visitor.visit(f"{counted.url}/?range=7d") as page:
        paths = page.get_by_role("region", name="Top values")
        await expect(paths).to_contain_text(re.compile(r"Only the newest events are counted, from .+ on"))
        await expect(paths.locator("tbody tr").first).to_contain_text("/a")
        monkeypatch.undo()
        await page.get_by_role("radio", name="24 hours", exact=True).check()
        await expect(paths.locator("tbody tr").first).to_have_text("/a480%3 users")
        await expect(paths).not_to_contain_text("Only the newest")


async def test_pages_of_any_range_have_their_users(
    counted: QueryService, visitor: Visitor, log: LogClient, connection: "asyncpg.Connection"
) -> None:
    seen = [(100, 1, "/x"), (200, 2, "/x"), (300, 2, "/x"), (400, 2, "/y")]
    await log_events(log, [recent_event("page_view", user, path, ago=ago) for ago, user, path in seen])
    await until_projected(connection, log)
    async with visitor.visit(f"{counted.url}/?range=7d") as page:
        paths = page.get_by_role("region", name="Top values")
        await expect(paths.locator("tbody tr")).to_have_text(["/x375%2 users", "/y125%1 user"])
        await expect(paths).to_contain_text("Only page_view")
        await page.get_by_role("radio", name="24 hours", exact=True).check()
        await expect(paths.locator("a", has_text="CSV")).to_have_attribute("href", re.compile("to=-0s"))
        await expect(paths.locator("[data-outdated=false] tbody tr")).to_have_text(["/x375%2 users", "/y125%1 user"])


async def test_chart_and_table_start_a_replay(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        chart = page.get_by_role("img", name="Events per hour in the last 24 hours")
        await expect(chart).to_have_attribute("aria-label", re.compile("5 in total"))
        box = await chart.bounding_box()
        assert box is not None
        await chart.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        await expect_state(page, "Replaying at 10×")
        await expect(page.get_by_role("combobox", name="Replay clock")).to_have_value("event")
        await page.get_by_role("button", name="Back to live").click()
        overview = page.get_by_role("region", name="Overview")
        await overview.get_by_role("button", name="Show table").click()
        await expect(overview.get_by_role("row")).to_have_count(26)
        await page.get_by_role("radio", name="Max", exact=True).check()
        await overview.get_by_role("button", name="Replay from").last.click()
        # by event time: the table starts a day ago, after the event of last week
        await expect(paths(page)).to_have_text(["/a", "/a", "/b", "/a", "/a"])


async def test_a_quiet_tail_shows_the_latest_events(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(counted.url) as page:
        await expect(paths(page)).to_have_text(["/a", "/a", "/b", "/a", "/a", "/c"])


async def test_an_empty_range_links_to_all_events(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [recent_event(path="/imported", ago=days * 24 * HOUR) for days in (40, 41, 90)])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
    async with visitor.visit(f"{query.url}/?range=1h") as page:
        overview = page.get_by_role("region", name="Overview")
        await expect(overview).to_contain_text("No events in the last hour.")
        await expect(overview).to_contain_text("The newest event is from ")
        await overview.get_by_role("button", name="Show all").click()
        await expect(overview.locator(".key-figure-value").first).to_have_text("3")
        await expect(page.get_by_role("radio", name="All", exact=True)).to_be_checked()


async def test_numbers_of_all_users_are_marked_while_a_user_is_selected(
    counted: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(f"{counted.url}/?user=1") as page:
        for name in ("Overview", "By type", "Top values"):
            title = page.get_by_role("region", name=name).get_by_role("heading", level=2)
            await expect(title).to_contain_text("all users")
        await page.get_by_role("button", name="Show everything").click()
        await expect(page.get_by_text("all users", exact=True)).to_have_count(0)


async def test_a_small_rate_is_not_shown_as_0(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        await expect(page.locator(".key-figure").nth(3)).to_contain_text("Events per minute<0.1")


async def test_the_first_range_is_the_shortest_that_is_not_mostly_empty(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [recent_event(path=f"/{number}", ago=600 + number * 75.0) for number in range(40)])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
    async with visitor.visit(query.url) as page:
        await expect(page.get_by_role("radio", name="1 hour")).to_be_checked()
        await expect(page.locator(".key-figure-value").first).to_have_text("40")
        assert "range" not in page.url


async def test_dragging_over_the_chart_zooms_in_and_one_click_goes_back(
    counted: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(f"{counted.url}/?range=7d") as page:
        chart = page.get_by_role("img", name="Events per hour in the last 7 days")
        await expect(chart).to_have_attribute("aria-label", re.compile("6 in total"))
        box = await chart.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2, steps=5)
        await page.mouse.up()
        await expect(page.locator(".key-figure-value").first).to_have_text("5")
        await expect(page).to_have_url(re.compile(r"\?from=[^&]+:00:00.000Z&to=[^&]+:00:00.000Z$"))
        await expect_state(page, "Live")  # the drag is no click on a bar
        await page.reload()
        await expect(page.locator(".key-figure-value").first).to_have_text("5")
        await page.get_by_role("radio", name="7 days").check()
        await expect(chart).to_be_visible()
        await page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2, steps=5)
        await page.mouse.up()
        await expect(page.get_by_text("No events from ")).to_be_visible()
        await page.get_by_role("button", name="Back to 7 days").click()
        await expect(page.locator(".key-figure-value").first).to_have_text("6")
        await expect(page.get_by_role("button", name="Back to")).to_have_count(0)


async def test_any_interval_can_be_typed(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=1h", timezone_id="UTC") as page:
        await page.get_by_role("button", name="Custom").click()
        now = datetime.now(UTC)
        await page.get_by_label("From", exact=True).fill(f"{now - timedelta(days=7):%Y-%m-%dT%H:%M}")
        await page.get_by_label("To", exact=True).fill(f"{now - timedelta(days=8):%Y-%m-%dT%H:%M}")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_text("The start must be before the end.")).to_be_visible()
        await page.get_by_label("To", exact=True).fill(f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.locator(".key-figure-value").first).to_have_text("1")
        await expect(page.get_by_role("button", name="Apply")).to_have_count(0)


async def test_the_health_of_the_pipeline_opens_its_details(counted: QueryService, visitor: Visitor) -> None:
    async with visitor.visit(f"{counted.url}/?range=1h") as page:
        await expect(page.get_by_test_id("lag")).to_have_text("Up to date")
        await page.get_by_role("button", name="Up to date").click()
        details = page.get_by_role("region", name="Pipeline")
        await expect(details).to_contain_text(re.compile(r"Log6 entries.*Lag0 entries.*Counted up to\w+:6:\w+"))
        await page.keyboard.press("Escape")
        await expect(details).to_be_hidden()


async def test_dragging_below_the_chart_moves_the_replay_and_keys_change_its_speed(
    counted: QueryService, visitor: Visitor
) -> None:
    async with visitor.visit(f"{counted.url}/?range=24h") as page:
        slider = page.get_by_role("slider", name="Time in the range")
        await expect(slider).to_have_attribute("aria-valuetext", "Live")
        box = await slider.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        await expect_state(page, "Live")
        await page.mouse.up()
        await expect_state(page, "Replaying at 10×")
        await expect(page.get_by_role("combobox", name="Replay clock")).to_have_value("event")
        at = parse_qs(urlsplit(page.url).query)["at"][0]
        hours = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds() / HOUR
        assert 10 < hours < 14
        await page.keyboard.press("+")
        await expect_state(page, "Replaying at 60×")
        await page.keyboard.press("-")
        await page.keyboard.press("-")
        await expect_state(page, "Replaying at 1×")
        await slider.press("End")
        await expect_state(page, "Live")

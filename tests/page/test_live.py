"""The live stream: tail, chart and filter."""

import asyncio
import re

from playwright.async_api import expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from runtime.user_key import stored_key
from tests.page.browsing import LARGE_ID, LIVE, Sockets, expect_state, paths, recent_event, rows
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_event, log_events, log_raw


async def test_new_events_appear_at_the_top(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, recent_event(path="/before"))
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/before"])
        await log_events(log, [recent_event(path="/one"), recent_event("sign_up", LARGE_ID, "/two")])
        await expect(paths(page)).to_have_text(["/two", "/one", "/before"])
        await expect(rows(page).first).to_contain_text(str(LARGE_ID))
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("3 in total"))
        await expect(page.get_by_role("list", name="Event types, to filter by")).to_contain_text("sign_up")
        await expect(page).to_have_title("Live · Tailrace")


async def test_an_empty_log_shows_how_to_send_the_first_event(
    query: QueryService, log: LogClient, settings: Settings, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await expect(page.get_by_text(f"curl http://127.0.0.1:{settings.command_port}/events")).to_be_visible()
        await expect_state(page, LIVE)
        await log_event(log, recent_event(path="/first"))
        await expect(paths(page)).to_have_text(["/first"])
        await expect(page.get_by_text("curl")).to_have_count(0)


async def test_the_filter_selects_types_and_a_user(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    async with visitor.visit(query.url) as page:
        await log_events(
            log,
            [
                recent_event("checkout.started", 1, "/a"),
                recent_event("checkout.completed", LARGE_ID, "/b"),
                recent_event("click", LARGE_ID, "/c"),
            ],
        )
        await expect(paths(page)).to_have_text(["/c", "/b", "/a"])
        await page.keyboard.press("/")
        await expect(page.get_by_label("Event type;")).to_be_focused()
        await page.keyboard.type("checkout.*")
        await page.keyboard.press("Enter")
        await expect(paths(page)).to_have_text(["/b", "/a"])
        await page.get_by_label("User id").fill(str(LARGE_ID))
        await page.keyboard.press("Enter")
        await expect(paths(page)).to_have_text(["/b"])
        await expect(page).to_have_url(re.compile(rf"\?type=checkout\.\*&user={LARGE_ID}$"))
        await log_events(
            log, [recent_event("checkout.started", 1, "/no"), recent_event("checkout.started", LARGE_ID, "/yes")]
        )
        await expect(paths(page)).to_have_text(["/yes", "/b"])
        await page.reload()
        await expect(paths(page)).to_have_text(["/yes", "/b"])
        await page.get_by_role("button", name="Show everything").click()
        await expect(paths(page)).to_have_count(5)


async def test_a_user_is_found_by_its_string_and_an_event_may_have_none(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    key = await stored_key(log)
    assert key is not None
    alice = key.hash("alice")
    await log_events(log, [recent_event(user_id=alice, path="/alice"), recent_event(user_id=None, path="/nobody")])
    async with visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/nobody", "/alice"])
        await expect(rows(page).first).to_contain_text("–")
        await expect(rows(page).last).to_contain_text(str(alice))
        await page.get_by_label("User id").fill("alice")
        await page.keyboard.press("Enter")
        await expect(paths(page)).to_have_text(["/alice"])
        await expect(page).to_have_url(re.compile(r"\?user=alice$"))


async def test_a_type_in_the_legend_filters(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [recent_event("click", path="/a"), recent_event("order", path="/b")])
    async with visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/b", "/a"])
        order = page.get_by_role("list", name="Event types, to filter by").get_by_role("button", name="order")
        await order.click()
        await expect(paths(page)).to_have_text(["/b"])
        await expect(order).to_have_attribute("aria-pressed", "true")
        await order.click()
        await expect(paths(page)).to_have_text(["/b", "/a"])


async def test_an_invalid_filter_is_rejected_with_a_reason(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event())
    async with visitor.visit(query.url) as page:
        await expect(rows(page)).to_have_count(1)
        await page.get_by_label("User id").fill("x" * 201)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("A user id has at most 200 characters.")).to_be_visible()
        assert "user" not in page.url


async def test_a_paused_tail_stands_still_and_misses_nothing(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/0"))
    async with visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/0"])
        await expect_state(page, LIVE)
        await page.keyboard.press("Space")
        await expect_state(page, "Paused")
        await log_events(log, [recent_event(path=f"/{number}") for number in range(1, 301)])
        await expect_state(page, "Paused, 300 behind")
        await expect(paths(page)).to_have_text(["/0"])
        await page.get_by_role("button", name="Resume").click()
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text([f"/{number}" for number in range(300, 100, -1)])
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("301 in total"))


async def test_space_pauses_after_any_click(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, recent_event(path="/0"))
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await page.get_by_role("button", name="Pause", exact=True).click()
        await expect_state(page, "Paused")
        await page.keyboard.press("Space")
        await expect_state(page, LIVE)
        await page.get_by_role("button", name="Show table").first.click()
        await page.keyboard.press("Space")
        await expect_state(page, "Paused")
        await expect(page.get_by_role("button", name="Show chart")).to_have_count(1)
        await page.locator("label").filter(has_text="60×").click()
        await page.keyboard.press("Space")
        await expect_state(page, LIVE)
        # a button that was focused by keyboard keeps Space
        await page.get_by_role("button", name="Show chart").focus()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Space")
        await expect(page.get_by_role("button", name="Show chart")).to_have_count(0)
        await expect_state(page, LIVE)


async def test_a_burst_is_counted_in_full_and_leaves_a_bounded_tail(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await log_event(log, recent_event(path="/0"))
        await expect(rows(page)).to_have_count(1)
        writers = [log_events(log, [recent_event(path=f"/{one}/{n}") for n in range(500)]) for one in range(6)]
        await asyncio.gather(*writers)
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("3,001 in total"))
        await expect(rows(page)).to_have_count(200)


async def test_a_gap_is_shown_in_the_tail(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    async with visitor.visit(query.url) as page:
        await log_event(log, recent_event(path="/a"))
        await log_raw(log, b"not an event")
        await log_event(log, recent_event(path="/b"))
        await expect(paths(page)).to_have_text(["/b", "/a"])
        items = page.get_by_test_id("rows").get_by_role("listitem")
        await expect(items.nth(1)).to_contain_text("Gap. the entry is not a valid event")


async def test_an_event_opens_in_full_and_starts_a_replay(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    one = recent_event("sign_up", LARGE_ID, "/b")
    await log_events(log, [recent_event(path="/a"), one, recent_event(path="/c")])
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await expect(paths(page)).to_have_text(["/c", "/b", "/a"])
        await rows(page).nth(0).focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        details = page.get_by_role("dialog", name="sign_up")
        await expect(details.get_by_role("region", name="The event as JSON")).to_contain_text(
            f'"user_id": "{LARGE_ID}"'
        )
        await expect(details).to_contain_text(str(one.event_id))
        await expect(details.get_by_role("link")).to_have_attribute("href", f"/events/{one.event_id}")
        await details.get_by_role("button", name="Replay from here").click()
        await expect_state(page, LIVE)  # three events are replayed quickly
        await page.mouse.move(0, 0)
        await expect(paths(page)).to_have_text(["/c", "/b"])
        assert sockets.sent[-1]["kind"] == "seek"
        assert sockets.sent[-1]["speed"] == 10

"""The live tail and its chart."""

import asyncio
import re

from playwright.async_api import expect

from runtime.log.client import LogClient
from tests.page.browsing import LARGE_ID, LIVE, Sockets, fresh, paths, rows, says
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_event, log_events, log_raw


async def test_what_happens_appears_at_once_newest_first(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, fresh(path="/before"))
    async with visitor.visit(query.url) as page:
        await says(page, LIVE)
        await expect(paths(page)).to_have_text(["/before"])
        await log_events(log, [fresh(path="/one"), fresh("sign_up", LARGE_ID, "/two")])
        await expect(paths(page)).to_have_text(["/two", "/one", "/before"])
        await expect(rows(page).first).to_contain_text(str(LARGE_ID))
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("3 in all"))
        await expect(page.get_by_role("list", name="Types: choose which to show")).to_contain_text("sign_up")
        await expect(page).to_have_title("Live · Tailrace")


async def test_an_empty_log_tells_how_to_send_the_first_event_and_gives_way_to_it(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await expect(page.get_by_text("curl http://127.0.0.1:8081/events")).to_be_visible()
        await says(page, LIVE)
        await log_event(log, fresh(path="/first"))
        await expect(paths(page)).to_have_text(["/first"])
        await expect(page.get_by_text("curl")).to_have_count(0)


async def test_a_filter_shows_the_types_and_the_user_that_were_asked_for(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await log_events(
            log,
            [
                fresh("checkout.started", 1, "/a"),
                fresh("checkout.completed", LARGE_ID, "/b"),
                fresh("click", LARGE_ID, "/c"),
            ],
        )
        await expect(paths(page)).to_have_text(["/c", "/b", "/a"])
        await page.keyboard.press("/")
        await page.keyboard.type("checkout.*")
        await page.keyboard.press("Enter")
        await expect(paths(page)).to_have_text(["/b", "/a"])
        await page.get_by_label("Only this user's events").fill(str(LARGE_ID))
        await page.keyboard.press("Enter")
        await expect(paths(page)).to_have_text(["/b"])
        await expect(page).to_have_url(re.compile(rf"\?type=checkout\.\*&user={LARGE_ID}$"))
        await log_events(log, [fresh("checkout.started", 1, "/no"), fresh("checkout.started", LARGE_ID, "/yes")])
        await expect(paths(page)).to_have_text(["/yes", "/b"])
        await page.reload()
        await expect(paths(page)).to_have_text(["/yes", "/b"])
        await page.get_by_role("button", name="Show everything").click()
        await expect(paths(page)).to_have_count(5)


async def test_a_type_in_the_legend_is_a_filter(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [fresh("click", path="/a"), fresh("order", path="/b")])
    async with visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/b", "/a"])
        order = page.get_by_role("list", name="Types: choose which to show").get_by_role("button", name="order")
        await order.click()
        await expect(paths(page)).to_have_text(["/b"])
        await expect(order).to_have_attribute("aria-pressed", "true")
        await order.click()
        await expect(paths(page)).to_have_text(["/b", "/a"])


async def test_a_filter_that_makes_no_sense_is_refused_with_a_sentence(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh())
    async with visitor.visit(query.url) as page:
        await expect(rows(page)).to_have_count(1)
        await page.get_by_label("Only this user's events").fill("twelve")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("A user id is a whole number.")).to_be_visible()
        assert "user" not in page.url


async def test_a_paused_tail_stands_still_and_misses_nothing(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/0"))
    async with visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/0"])
        await says(page, LIVE)
        await page.keyboard.press("Space")
        await says(page, "Paused")
        await log_events(log, [fresh(path=f"/{number}") for number in range(1, 301)])
        await says(page, "Paused, 300 behind")
        await expect(paths(page)).to_have_text(["/0"])
        await page.get_by_role("button", name="Resume").click()
        await says(page, LIVE)
        await expect(paths(page)).to_have_text([f"/{number}" for number in range(300, 100, -1)])
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("301 in all"))


async def test_space_pauses_whatever_was_clicked_before(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, fresh(path="/0"))
    async with visitor.visit(query.url) as page:
        await says(page, LIVE)
        await page.get_by_role("button", name="Pause", exact=True).click()
        await says(page, "Paused")
        await page.keyboard.press("Space")
        await says(page, LIVE)
        await page.get_by_role("button", name="Show table").first.click()
        await page.keyboard.press("Space")
        await says(page, "Paused")
        await expect(page.get_by_role("button", name="Show chart")).to_have_count(1)
        await page.locator("label").filter(has_text="60×").click()
        await page.keyboard.press("Space")
        await says(page, LIVE)
        # where the keyboard is on a button, it is the button's
        await page.get_by_role("button", name="Show chart").focus()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Space")
        await expect(page.get_by_role("button", name="Show chart")).to_have_count(0)
        await says(page, LIVE)


async def test_rows_stay_where_they_are_while_somebody_points_at_them(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/0"))
    async with visitor.visit(query.url) as page:
        await rows(page).first.hover()
        await log_events(log, [fresh(path="/1"), fresh(path="/2")])
        await expect(page.get_by_text("2 newer, held while you are here")).to_be_visible()
        await expect(paths(page)).to_have_text(["/0"])
        await page.mouse.move(0, 0)
        await expect(paths(page)).to_have_text(["/2", "/1", "/0"])


async def test_thousands_of_events_at_once_leave_a_bounded_tail_and_are_all_counted(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await log_event(log, fresh(path="/0"))
        await expect(rows(page)).to_have_count(1)
        writers = [log_events(log, [fresh(path=f"/{one}/{n}") for n in range(500)]) for one in range(6)]
        await asyncio.gather(*writers)
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("3,001 in all"))
        await expect(rows(page)).to_have_count(200)


async def test_what_is_no_event_is_shown_as_the_gap_it_is(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url) as page:
        await log_event(log, fresh(path="/a"))
        await log_raw(log, b"not an event")
        await log_event(log, fresh(path="/b"))
        await expect(paths(page)).to_have_text(["/b", "/a"])
        items = page.get_by_test_id("rows").get_by_role("listitem")
        await expect(items.nth(1)).to_contain_text("Gap. the entry is not a valid event")


async def test_an_event_opens_in_full_and_can_be_replayed_from(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    one = fresh("sign_up", LARGE_ID, "/b")
    await log_events(log, [fresh(path="/a"), one, fresh(path="/c")])
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await expect(paths(page)).to_have_text(["/c", "/b", "/a"])
        await rows(page).nth(0).focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        details = page.get_by_role("dialog", name="sign_up")
        await expect(details.get_by_role("region", name="The event as JSON")).to_contain_text(f'"user_id": {LARGE_ID}')
        await expect(details).to_contain_text(str(one.event_id))
        await expect(details.get_by_role("link")).to_have_attribute("href", f"/events/{one.event_id}")
        await details.get_by_role("button", name="Replay from here").click()
        await says(page, LIVE)  # three events are soon replayed
        await page.mouse.move(0, 0)
        await expect(paths(page)).to_have_text(["/c", "/b"])
        assert sockets.said[-1]["kind"] == "seek"
        assert sockets.said[-1]["speed"] == 10

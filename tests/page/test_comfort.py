"""Accessibility: screen sizes, themes, keyboard and screen reader."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import LIVE, expect_state, recent_event, rows
from tests.page.conftest import DESKTOP, PHONE, Check, Visitor
from tests.query.conftest import QueryService, running_query
from tests.support.events import log_events, log_raw
from tests.support.projector import running_projector

SCREENS: dict[str, dict[str, Any]] = {
    "light desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "light phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}


@pytest.mark.parametrize("screen", ["light desktop", "dark phone"])
async def test_axe_finds_no_violation(
    query: QueryService,
    log: LogClient,
    settings: Settings,
    visitor: Visitor,
    accessibility_violations: Check,
    screen: str,
) -> None:
    options = {**SCREENS[screen], "reduced_motion": "reduce"}  # contrast can't be measured during transitions
    async with running_projector(settings), visitor.visit(query.url, **options) as page:
        await expect(page.get_by_text("Send your first event")).to_be_visible()
        assert await accessibility_violations(page) == []
        checkout = recent_event("checkout.started", path="/c")  # paths are counted of page views
        await log_events(log, [checkout, recent_event(path="/a"), recent_event(path="/b")])
        await log_raw(log, b"not an event")
        await expect(page.get_by_role("region", name="Top values").locator("tbody tr")).to_have_count(2)
        await expect(page.get_by_role("region", name="Top values")).to_contain_text("Only page_view")
        await expect(rows(page)).to_have_count(3)
        assert await accessibility_violations(page) == []
        await rows(page).first.click()
        await expect(page.get_by_text("In the log and counted.")).to_be_visible()
        assert await accessibility_violations(page) == []
        await page.get_by_role("button", name="Close").click()
        if "phone" in screen:
            await page.get_by_role("button", name="Rewind").click()
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="1 hour ago").click()
        await expect_state(page, "Replaying at 1×")
        for _ in range(2):
            await page.get_by_role("button", name="Show table").first.click()
        await page.keyboard.press("/")
        await expect(page.get_by_label("Event type;")).to_be_focused()
        await page.keyboard.type("checkout.*")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("region", name="Active filters")).to_be_visible()
        await expect(page.locator("[data-outdated=true]")).to_have_count(0)  # those numbers are faint
        assert await accessibility_violations(page) == []


NO_SERVICE = "ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket connection to|422|503"


@pytest.mark.parametrize("screen", ["light desktop", "dark phone"])
async def test_axe_finds_no_violation_in_error_states(
    settings: Settings, log: LogClient, visitor: Visitor, accessibility_violations: Check, screen: str
) -> None:
    options = {**SCREENS[screen], "reduced_motion": "reduce"}
    await log_events(log, [recent_event(path=f"/{number}", ago=90 * 86_400.0) for number in range(3)])
    many = "&".join(f"type=type_{number}" for number in range(101))
    async with (
        running_query(settings) as query,
        visitor.visit(f"{query.url}/?range=1h", allowed_errors=NO_SERVICE, **options) as page,
    ):
        await expect(rows(page)).to_have_count(3)
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        assert await accessibility_violations(page) == []
        await page.keyboard.press("Escape")
        async with running_projector(settings):
            await expect(page.get_by_role("button", name="Show all")).to_be_visible()
        await page.get_by_label("User id").fill("1")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("all users", exact=True)).to_have_count(3)
        assert await accessibility_violations(page) == []
        await page.goto(f"{query.url}/?{many}")
        await expect_state(page, "Refused: event_type")
        await expect(page.get_by_role("alert")).to_contain_text("The service rejects the request")
        assert await accessibility_violations(page) == []
        await page.goto(query.url)
        await expect_state(page, LIVE)
        query.stop.set()
        await expect_state(page, "Disconnected, retrying in")
        await expect(page.get_by_role("alert")).to_contain_text("The last request failed")
        assert await accessibility_violations(page) == []


PAINT = 1.0
"""Seconds allowed for the first paint on localhost."""


@pytest.mark.exclusive
async def test_the_first_paint_takes_less_than_a_second(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [recent_event(path=f"/{number}") for number in range(100)])
    painted = []
    for _ in range(3):  # the machine may be busy once
        async with visitor.visit(query.url) as page:
            await expect(rows(page)).to_have_count(100)
            painted.append(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(painted) < PAINT * 1000, painted


async def test_the_replay_controls_close_on_a_phone_when_a_replay_starts(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_events(log, [recent_event(path=f"/{number}") for number in range(60)])
    async with visitor.visit(query.url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        await expect(rows(page)).to_have_count(60)
        await page.evaluate("scrollTo({ top: 400 })")
        rewind = page.get_by_role("button", name="Rewind")
        await rewind.click()
        choice = page.get_by_role("button", name="5 min ago")
        await expect(choice).to_be_in_viewport()
        await page.evaluate("scrollTo({ top: 600 })")
        await expect(choice).not_to_be_in_viewport()
        await page.evaluate("scrollTo({ top: 0 })")
        await choice.click()
        await expect_state(page, "Replaying")
        await expect(choice).to_be_hidden()
        await expect(rewind).to_have_attribute("aria-expanded", "false")
        top = await page.locator(".bar-top").bounding_box()
        assert top is not None
        assert top["height"] < 844 * 0.25


async def test_ranges_have_short_names_on_a_phone(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [recent_event()])
    async with visitor.visit(query.url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        await expect(rows(page)).to_have_count(1)
        shown = await page.evaluate(
            """[...document.querySelectorAll(".overview .range .segments input + span")].map((one) =>
                getComputedStyle(one, "::before").content.replaceAll('"', ""))"""
        )
        assert shown == ["15m", "1h", "24h", "7d", "30d", "All"]
        await page.get_by_role("radio", name="24 hours").check()
        await expect(page).to_have_url(re.compile("range=24h"))


@pytest.mark.parametrize("width", [360, 768, 1100, 1440, 2560])
async def test_the_page_never_scrolls_sideways(
    query: QueryService, log: LogClient, visitor: Visitor, width: int
) -> None:
    await log_events(log, [recent_event("a.very.long.type.of.an.event" * 4, 2**63 - 1, "/long" * 60)])
    async with visitor.visit(query.url, viewport={"width": width, "height": 800}) as page:
        await expect(rows(page)).to_have_count(1)
        assert await overflow(page) == 0
        await rows(page).first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await overflow(page) == 0


async def overflow(page: Page) -> int:
    found: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


async def test_the_theme_follows_the_system_until_another_one_is_chosen(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url, color_scheme="dark") as page:
        await page.get_by_role("button", name="Use light theme").click()
        await page.reload()
        await expect(page.get_by_role("button", name="Use dark theme")).to_be_visible()
        assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        await page.get_by_role("button", name="Use dark theme").click()
        await page.emulate_media(color_scheme="light")  # follows the system again
        await expect(page.get_by_role("button", name="Use dark theme")).to_be_visible()


async def test_shortcuts_are_listed_and_do_not_act_in_fields(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_events(log, [recent_event()])
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await page.keyboard.press("?")
        keys = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(keys).to_contain_text("Pause or resume")
        await page.keyboard.press("Escape")
        await expect(keys).to_have_count(0)
        await page.keyboard.press("/")
        field = page.get_by_label("Event type;")
        await expect(field).to_be_focused()
        await page.keyboard.type("a /?")
        await expect(field).to_have_value("a /?")
        await expect_state(page, LIVE)
        await page.keyboard.press("Escape")
        await expect(field).not_to_be_focused()


async def test_tab_reaches_every_control_in_visual_order(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [recent_event() for _ in range(5)])
    async with visitor.visit(query.url) as page:
        await expect(rows(page)).to_have_count(5)
        met = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            name = await page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
                " || document.activeElement.id || document.activeElement.tagName"
            )
            if await page.evaluate("document.activeElement === document.body"):
                break
            if name in met:  # the parts of a date belong to one field
                continue
            met.append(name)
            outline = await page.evaluate(
                "[document.activeElement, document.activeElement.nextElementSibling]"
                ".map((one) => one && getComputedStyle(one).outlineStyle)"
            )
            assert "none" not in outline[:1] or "solid" in outline, name  # a radio's outline is on its label
        wanted = ["Skip to content", "Keyboard shortcuts", "Pause", "5 min ago", "replay-start", "Replay clock"]
        assert [name for name in met if name in wanted] == wanted
        assert sum("page_view" in name and "/home" in name for name in met) == 1  # the arrow keys move between rows


_NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(
    ...list.getEntries().flatMap((shift) => shift.sources.map(({ node }) => [
        shift.value, (node instanceof Element ? node : node?.parentElement)?.closest("[class]")?.className,
    ])).filter(([_, place]) => !/^(rows?|row-.*|legend.*|figure-number)$/.test(place)),
)).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("screen", ["light desktop", "light phone"])
async def test_arriving_numbers_do_not_shift_the_layout(
    query: QueryService, log: LogClient, settings: Settings, visitor: Visitor, screen: str
) -> None:
    await log_events(log, [recent_event("click", number, f"/{number}") for number in range(40)])
    async with running_projector(settings), visitor.visit(query.url, script=_NOTE_SHIFTS, **SCREENS[screen]) as page:
        await expect(page.get_by_role("region", name="Top values").locator("tbody tr")).to_have_count(8)
        await expect_state(page, LIVE)
        assert [shift for shift in await page.evaluate("window.shifts") if shift[0] > 0.01] == []

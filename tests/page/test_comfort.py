"""What everybody needs: any screen, any theme, keyboard and screen reader."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from page.browsing import LIVE, fresh, rows, says
from page.conftest import DESKTOP, PHONE, Check, Visitor
from query.conftest import QueryService
from support.events import log_events, log_raw
from support.projector import running_projector
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.settings import Settings

SCREENS: dict[str, dict[str, Any]] = {
    "light desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark desktop": {"viewport": DESKTOP, "color_scheme": "dark"},
    "light phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}


@pytest.mark.parametrize("screen", SCREENS)
async def test_axe_finds_nothing_wrong(
    query: QueryService,
    log: LogClient,
    settings: Settings,
    visitor: Visitor,
    accessibility_faults: Check,
    screen: str,
) -> None:
    options = {**SCREENS[screen], "reduced_motion": "reduce"}  # colours that change can't be measured
    async with running_projector(settings), visitor.visit(query.url, **options) as page:
        await expect(page.get_by_text("The log is empty")).to_be_visible()
        assert await accessibility_faults(page) == []
        await log_events(log, [fresh("checkout.started", path="/a"), fresh(path="/b")])
        await log_raw(log, b"not an event")
        await expect(page.get_by_role("region", name="Top paths").locator("tbody tr")).to_have_count(2)
        await expect(rows(page)).to_have_count(2)
        assert await accessibility_faults(page) == []
        await rows(page).first.click()
        await expect(page.get_by_text("In the log, and counted in the tables.")).to_be_visible()
        assert await accessibility_faults(page) == []
        await page.get_by_role("button", name="Close").click()
        if "phone" in screen:
            await page.get_by_role("button", name="Rewind").click()
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="1 hour ago").click()
        await says(page, "Replaying at 1×")
        for _ in range(2):
            await page.get_by_role("button", name="Show table").first.click()
        await page.keyboard.press("/")
        await page.keyboard.type("checkout.*")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("region", name="Filter in use")).to_be_visible()
        assert await accessibility_faults(page) == []


@pytest.mark.parametrize("width", [360, 768, 1100, 1440, 2560])
async def test_nothing_is_wider_than_the_screen(
    query: QueryService, log: LogClient, visitor: Visitor, width: int
) -> None:
    await log_events(log, [fresh("a.very.long.type.of.an.event" * 4, 2**63 - 1, "/long" * 60)])
    async with visitor.visit(query.url, viewport={"width": width, "height": 800}) as page:
        await expect(rows(page)).to_have_count(1)
        assert await overflow(page) == 0
        await rows(page).first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await overflow(page) == 0


async def overflow(page: Page) -> int:
    found: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


async def test_the_theme_is_the_systems_until_another_is_chosen_and_then_stays(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    async with visitor.visit(query.url, color_scheme="dark") as page:
        await page.get_by_role("button", name="Use the light theme").click()
        await page.reload()
        await expect(page.get_by_role("button", name="Use the dark theme")).to_be_visible()
        assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        await page.get_by_role("button", name="Use the dark theme").click()
        await page.emulate_media(color_scheme="light")  # it follows the system again
        await expect(page.get_by_role("button", name="Use the dark theme")).to_be_visible()


async def test_the_keys_are_told_and_fields_keep_theirs(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [fresh()])
    async with visitor.visit(query.url) as page:
        await says(page, LIVE)
        await page.keyboard.press("?")
        keys = page.get_by_role("dialog", name="Keyboard")
        await expect(keys).to_contain_text("Pause, and resume")
        await page.keyboard.press("Escape")
        await expect(keys).to_have_count(0)
        await page.keyboard.press("/")
        field = page.get_by_label("Only this event type")
        await expect(field).to_be_focused()
        await page.keyboard.type("a /?")
        await expect(field).to_have_value("a /?")
        await says(page, LIVE)
        await page.keyboard.press("Escape")
        await expect(field).not_to_be_focused()


async def test_every_control_is_reached_by_tab_in_the_order_it_is_seen(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_events(log, [fresh() for _ in range(5)])
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
            if name in met:  # the parts of a date are one field
                continue
            met.append(name)
            outline = await page.evaluate(
                "[document.activeElement, document.activeElement.nextElementSibling]"
                ".map((one) => one && getComputedStyle(one).outlineStyle)"
            )
            assert "none" not in outline[:1] or "solid" in outline, name  # a radio's outline is its label's
        wanted = ["Skip to the content", "Keyboard shortcuts", "Pause", "5 min ago", "moment", "What sets the pace"]
        assert [name for name in met if name in wanted] == wanted
        assert sum("page_view" in name and "/home" in name for name in met) == 1  # arrows go between the rows


_NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(
    ...list.getEntries().flatMap((shift) => shift.sources.map(({ node }) => [
        shift.value, (node instanceof Element ? node : node?.parentElement)?.closest("[class]")?.className,
    ])).filter(([_, place]) => !/^(rows?|row-.*|legend.*|figure-number)$/.test(place)),
)).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("screen", ["light desktop", "light phone"])
async def test_nothing_but_what_flows_moves_when_the_numbers_arrive(
    query: QueryService, log: LogClient, settings: Settings, visitor: Visitor, screen: str
) -> None:
    await log_events(log, [fresh("click", number, f"/{number}") for number in range(40)])
    async with running_projector(settings), visitor.visit(query.url, script=_NOTE_SHIFTS, **SCREENS[screen]) as page:
        await expect(page.get_by_role("region", name="Top paths").locator("tbody tr")).to_have_count(8)
        await says(page, LIVE)
        assert [shift for shift in await page.evaluate("window.shifts") if shift[0] > 0.01] == []

"""The rows of the tail: held under the pointer, in batches, without layout shifts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import LIVE, expect_state, paths, recent_event, rows
from tests.page.conftest import PHONE, Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_event, log_events
from tests.support.projector import running_projector


async def test_rows_are_held_while_the_pointer_is_on_them(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/0"))
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await rows(page).first.hover()
        await log_events(log, [recent_event(path="/1"), recent_event(path="/2")])
        await expect(page.get_by_text("Paused while hovering · 2 new")).to_be_visible()
        await expect(paths(page)).to_have_text(["/0"])
        await page.mouse.move(0, 0)
        await expect(paths(page)).to_have_text(["/2", "/1", "/0"])


@pytest.mark.parametrize("action", ["escape", "filter", "replay"])
async def test_the_tail_fills_again_under_a_resting_pointer(
    query: QueryService, log: LogClient, visitor: Visitor, action: str
) -> None:
    await log_events(log, [recent_event(path=f"/{number}", ago=30.0 - number) for number in range(10)])
    epoch = (await log.state()).epoch
    link = f"?at={epoch}:0:&speed=0.1&clock=event" if action == "escape" else ""
    async with visitor.visit(f"{query.url}/{link}") as page:
        await expect(rows(page).first).to_be_visible()
        await page.get_by_test_id("rows").hover(position={"x": 60, "y": 20})
        if action == "escape":
            await page.keyboard.press("Escape")
        elif action == "filter":
            await page.keyboard.press("/")
            await page.keyboard.type("*")
            await page.keyboard.press("Enter")
        else:
            await page.get_by_role("radio", name="Max", exact=True).press("Space")
            await page.get_by_role("button", name="5 min ago").press("Enter")
        await expect_state(page, LIVE)
        await log_event(log, recent_event(path="/new"))
        await expect(paths(page).first).to_have_text("/new")
        await expect(rows(page)).to_have_count(11)


async def test_show_everything_works_while_the_page_moves(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/a"))
    moved = asyncio.Event()

    async def add_notice(route: Route) -> None:
        answer = await route.fetch()
        problem = {"code": "another_history", "message": "the counts are of another log: replay it"}
        await route.fulfill(response=answer, json={**await answer.json(), "problem": problem})
        moved.set()

    async with visitor.visit(f"{query.url}/?type=order&user=7") as page:
        button = page.get_by_role("button", name="Show everything")
        await button.hover()
        await page.mouse.down()
        await page.route("**/status", add_notice)
        await moved.wait()
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.mouse.up()
        await expect(paths(page)).to_have_text(["/a"])
        assert "type=" not in page.url


_MEASURE = """
window.shift = 0;
window.shifted = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.shift += entry.value;
        window.shifted.push(...entry.sources.map(({ node }) =>
            (node instanceof Element ? node : node?.parentElement)?.closest("[class]")?.className));
    }
}).observe({ type: "layout-shift" });
window.changes = 0;
const list = document.querySelector(".rows");
let top = null;
const watch = () => {
    const first = list.querySelector(".row-data")?.textContent;
    if (first !== top) window.changes++;
    top = first;
    requestAnimationFrame(watch);
};
watch();
"""
_AFTER_SIX_CHANGES = """
new Promise((resolve) => {
    const check = () => {
        if (window.changes < 6) requestAnimationFrame(check);
        else resolve([window.shift, window.shifted]);
    };
    check();
})
"""
STABLE_LAYOUT = 0.1
"""The cumulative layout shift that web.dev calls good."""


@pytest.mark.parametrize("rate", [20, 300])
@pytest.mark.parametrize("screen", ["desktop", "phone"])
async def test_the_tail_is_readable_and_shifts_nothing_under_load(
    query: QueryService, log: LogClient, settings: Settings, visitor: Visitor, rate: int, screen: str
) -> None:
    await log_events(log, [recent_event(f"type_{number % 4}", number, f"/{number}") for number in range(60)])
    options: dict[str, Any] = {"viewport": PHONE, "has_touch": True} if screen == "phone" else {}
    async with running_projector(settings), visitor.visit(query.url, **options) as page, writing(log, rate):
        await expect(page.get_by_text("Sample · pause to see all")).to_be_visible()
        await page.get_by_test_id("rows").scroll_into_view_if_needed()
        await page.evaluate(_MEASURE)
        await expect(page.get_by_test_id("rows")).to_be_visible()
        shift, shifted = await page.evaluate(_AFTER_SIX_CHANGES)
        assert shift < STABLE_LAYOUT, (shift, set(shifted))
        numbers = await shown_numbers(page)
        assert len(numbers) < numbers[0] - numbers[-1] + 1  # a sample: the rows stand still between batches
        fresh = page.get_by_test_id("rows").locator("li[data-fresh]")
        assert 0 < await fresh.count() <= 6
        await page.keyboard.press("Space")
        await expect_state(page, "Paused")
        await expect(page.get_by_text("Sample · pause to see all")).to_have_count(0)
        assert_consecutive(await shown_numbers(page))


async def shown_numbers(page: Page) -> list[int]:
    return [int(text.removeprefix("/load/")) for text in await paths(page).all_text_contents() if "load" in text]


def assert_consecutive(numbers: list[int]) -> None:
    assert numbers == list(range(numbers[0], numbers[-1] - 1, -1))


@asynccontextmanager
async def writing(log: LogClient, rate: int) -> AsyncIterator[None]:
    """Appends ``rate`` events per second."""

    async def write() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count():
            await log_event(log, recent_event(f"type_{number % 4}", number, f"/load/{number}"))
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

"""Takes the README's screenshots of a running system with two days of events.

``python -m tests.page.screenshots [FOLDER]``
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page, async_playwright, expect

from contracts.events import encode_event
from tailrace.command_client import CommandClient
from tailrace.producer.sending import produce
from tailrace.producer.source import EventSource
from tests.page.conftest import ROOT, TIMEOUT, find_chromium
from tests.support.up import running_up
from tests.support.waiting import until

SPAN = timedelta(hours=50)
RATE = 0.4
"""Events per second in the past two days."""
LIVE_RATE = 25.0
BATCH = 500
CHART_SECONDS = 62.0
"""Seconds until the chart of the last minute is full."""
REPLAYED = 40.0
"""Seconds of replay before its screenshot."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
DAY = "?range=24h"


async def take(folder: Path, endpoints: dict[str, Any]) -> None:
    """Takes all screenshots."""
    url = endpoints["query"]
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http, async_playwright() as driver:
        await _import_two_days(http, endpoints["command"])
        # started after the import: its events would otherwise move a replay's clock to today
        stop = asyncio.Event()
        work = produce(command_url=endpoints["command"], rate=LIVE_RATE, count=None, seed=None, stop=stop)
        producing = asyncio.create_task(work)
        chromium = find_chromium()
        if chromium is None:
            sys.exit("screenshots need Chromium: apt-get install chromium")
        browser = await driver.chromium.launch(executable_path=chromium)
        async with _page(browser, url + DAY, color_scheme="light", **DESKTOP) as page:
            await asyncio.sleep(CHART_SECONDS)
            await page.screenshot(path=folder / "live-light.png")
            painted = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            print(f"first paint after {painted:.0f} ms")  # noqa: T201
        async with _page(browser, url + DAY, color_scheme="dark", **DESKTOP) as page:
            await page.screenshot(path=folder / "live-dark.png")
        async with _page(browser, url + DAY, color_scheme="light", **PHONE) as page:
            await page.screenshot(path=folder / "phone.png")
        async with _page(browser, await _half_a_day_ago(http), color_scheme="light", **DESKTOP) as page:
            await asyncio.sleep(REPLAYED)
            await page.screenshot(path=folder / "time-machine.png")
        await browser.close()
        stop.set()
        await producing


async def _import_two_days(http: httpx.AsyncClient, command: str) -> None:
    now = datetime.now(UTC)
    source = EventSource(7, now - SPAN, rate=RATE)
    past = [encode_event(event) for event in takewhile(lambda _: source.clock < now, source)]
    async with CommandClient(command) as client:
        for first in range(0, len(past), BATCH):
            await client.send(past[first : first + BATCH])

    async def projected() -> bool:
        counted = (await http.get("/stats")).json()
        return bool(counted["totals"]["events"] >= len(past))

    await until(projected)


async def _half_a_day_ago(http: httpx.AsyncClient) -> str:
    """Returns a link to a replay by event time that starts 13 hours ago."""
    at = datetime.now(UTC) - timedelta(hours=13)
    found = (await http.get("/events", params={"to": at.isoformat(), "limit": 1})).json()
    return str(http.base_url.join(f"/{DAY}&at={found['events'][0]['cursor']}&speed=600&clock=event"))


@asynccontextmanager
async def _page(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en-GB", **options)
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("button.row").nth(20)).to_be_attached()
    await expect(page.get_by_role("region", name="Top values").locator("tbody tr").first).to_be_attached()
    yield page
    await context.close()


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    wanted.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, running_up(Path(scratch) / "data", "--no-producer") as run:
        asyncio.run(take(wanted, run.until_ready()))

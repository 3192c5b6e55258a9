"""The page in a real Chromium, on the real services."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import Sockets
from tests.query.conftest import QueryService, running_query

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "page" / "make"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 780}
PATIENCE = 30.0

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    found = find_chromium()
    if found is None:
        reason = "needs Chromium: apt-get install chromium, or name one with TAILRACE_TEST_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def page_tools() -> Path:
    """The page's folder with all of its packages installed, and the page built; made once, however many ask."""
    lock = ROOT / ".tools" / "page-tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run([MAKE, "tools"], check=True)
        if subprocess.run([MAKE, "is-built"], check=False).returncode:
            subprocess.run([MAKE, "build"], check=True)
    return MAKE.parent


def find_chromium() -> str | None:
    """The one that is named, or the one without a window's parts, or any."""
    named = os.environ.get("TAILRACE_TEST_CHROMIUM")
    return named or shutil.which("chromium-headless-shell") or shutil.which("chromium")


@dataclass
class Visit:
    """An open page, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self, tolerated: str | None) -> None:
        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not (tolerated and re.search(tolerated, message.text)):
                self.complaints.append(message.text)

        self.page.on("console", heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


class Visitor:
    """Somebody with a browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def visit(
        self,
        url: str,
        *,
        tolerated: str | None = None,
        sockets: Sockets | None = None,
        script: str = "",
        **options: Any,
    ) -> AsyncIterator[Page]:
        """The page at ``url``; in the end it has to have complained about nothing but what is ``tolerated``.

        ``script`` runs in the page before its own.
        """
        chosen: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        context = await self._browser.new_context(**chosen)
        try:
            await context.add_init_script(script)
            visit = Visit(await context.new_page())
            visit.listen(tolerated)
            if sockets is not None:
                sockets.listen(visit.page)
            await visit.page.goto(url)
            yield visit.page
            assert visit.complaints == []
        finally:
            await context.close()


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """The run's Chromium. Every visit has a profile of its own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        yield browser
        await browser.close()


@pytest.fixture
def visitor(browser: Browser, page_tools: Path) -> Visitor:
    """Somebody with a Chromium."""
    return Visitor(browser)


@pytest.fixture
async def query(settings: Settings, log: LogClient) -> AsyncIterator[QueryService]:
    """The service over the test's log and database."""
    async with running_query(settings) as service:
        yield service


Check = Callable[[Page], Awaitable[list[str]]]


@pytest.fixture
def accessibility_faults(page_tools: Path) -> Check:
    """What axe finds wrong with a page."""
    axe = (page_tools / "node_modules" / "axe-core" / "axe.min.js").read_text()

    async def check(page: Page) -> list[str]:
        # not as a script element: the page's own policy forbids what is not from the service
        await page.evaluate(axe + "; window.axe = axe")
        found = await page.evaluate("axe.run()")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return check

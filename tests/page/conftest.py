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
TIMEOUT = 30.0

expect.set_options(timeout=TIMEOUT * 1000)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    found = find_chromium()
    if found is None:
        reason = "needs Chromium: apt-get install chromium, or name one with TAILRACE_TEST_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def page_tools() -> Path:
    """The page's folder with all packages installed and the page built, once for all workers."""
    lock = ROOT / ".tools" / "page-tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run([MAKE, "tools"], check=True)
        if subprocess.run([MAKE, "is-built"], check=False).returncode:
            subprocess.run([MAKE, "build"], check=True)
    return MAKE.parent


def find_chromium() -> str | None:
    """Returns the Chromium of TAILRACE_TEST_CHROMIUM, the headless shell, or a full one."""
    named = os.environ.get("TAILRACE_TEST_CHROMIUM")
    return named or shutil.which("chromium-headless-shell") or shutil.which("chromium")


@dataclass
class Visit:
    """An open page and its console errors."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def listen(self, allowed_errors: str | None) -> None:
        def on_message(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not (
                allowed_errors and re.search(allowed_errors, message.text)
            ):
                self.errors.append(message.text)

        self.page.on("console", on_message)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))


class Visitor:
    """Opens the page in a browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def visit(
        self,
        url: str,
        *,
        allowed_errors: str | None = None,
        sockets: Sockets | None = None,
        script: str = "",
        **options: Any,
    ) -> AsyncIterator[Page]:
        """Opens ``url`` and fails on console errors that do not match ``allowed_errors``.

        ``script`` runs before the page's own scripts.
        """
        chosen: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        context = await self._browser.new_context(**chosen)
        try:
            await context.add_init_script(script)
            visit = Visit(await context.new_page())
            visit.listen(allowed_errors)
            if sockets is not None:
                sockets.listen(visit.page)
            await visit.page.goto(url)
            yield visit.page
            assert visit.errors == []
        finally:
            await context.close()


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """The run's Chromium. Every visit has its own profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        yield browser
        await browser.close()


@pytest.fixture
def visitor(browser: Browser, page_tools: Path) -> Visitor:
    """Opens pages in Chromium."""
    return Visitor(browser)


@pytest.fixture
async def query(settings: Settings, log: LogClient) -> AsyncIterator[QueryService]:
    """The query service on the test's log and database."""
    async with running_query(settings) as service:
        yield service


Check = Callable[[Page], Awaitable[list[str]]]


@pytest.fixture
def accessibility_violations(page_tools: Path) -> Check:
    """Returns the violations that axe finds on a page."""
    axe = (page_tools / "node_modules" / "axe-core" / "axe.min.js").read_text()

    async def check(page: Page) -> list[str]:
        # evaluated, because the page's policy forbids scripts of other origins
        await page.evaluate(axe + "; window.axe = axe")
        found = await page.evaluate("axe.run()")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return check

"""Locators and expectations for the page."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page, WebSocket, expect

from contracts.events import Event
from tests.support.events import event

LIVE, PAUSED = "Live", "Paused"
LARGE_ID = 2**63 - 1


def recent_event(
    event_type: str = "page_view", user_id: int | None = 1, path: str = "/home", *, ago: float = 0.0
) -> Event:
    """Returns an event that happened ``ago`` seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return event(event_type, user_id, at, json.dumps({"path": path}))


def rows(page: Page) -> Locator:
    """The events in the tail, newest first."""
    return page.locator("button.row")


def paths(page: Page) -> Locator:
    """The summaries of the events in the tail."""
    return page.locator("button.row .row-data")


async def expect_state(page: Page, text: str) -> None:
    """Waits until the stream's state starts with a text."""
    await expect(page.get_by_test_id("connection")).to_have_text(re.compile("^" + re.escape(text)))


class Sockets:
    """The WebSockets that a page opens, and the messages it sends."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.sent: list[dict[str, Any]] = []

    def listen(self, page: Page) -> None:
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.addresses.append(socket.url)
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

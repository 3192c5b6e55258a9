"""A browser's EventSource on /sse."""

import asyncio
import json

import pytest
from playwright.async_api import Browser

from migrations.streams import ensure_streams
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.page.conftest import browser, chromium
from tests.query.conftest import running_query, seqs_of
from tests.support.events import log_events, some_events
from tests.support.servers import NatsServer

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.writes_no_table

LISTEN = """
window.got = [];
window.refused = 0;
window.source = new EventSource("/sse?from=earliest");
source.onmessage = (message) => got.push(message.data);
source.onerror = () => refused++;
"""
COUNT = "got.flatMap((frame) => JSON.parse(frame).events ?? []).length"


async def test_an_event_source_reconnects_by_itself_after_the_log_was_unavailable(
    own_nats_server: NatsServer,
    settings: Settings,
    browser: Browser,
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    writer = await connect_log(own, "test-writer")
    await ensure_streams(writer, own)
    await log_events(writer, some_events(20))
    async with running_query(own) as query:
        page = await browser.new_page()
        await page.goto(f"{query.url}/ping")
        await asyncio.to_thread(own_nats_server.kill)
        await page.evaluate(LISTEN)
        await page.wait_for_function("refused >= 2")
        assert await page.evaluate("source.readyState") == 0  # it is connecting; 2 would mean closed
        await asyncio.to_thread(own_nats_server.start)
        await page.wait_for_function(f"{COUNT} === 20")
        got = await page.evaluate("got")
        await log_events(writer, some_events(5, seed=2))
        await page.wait_for_function(f"{COUNT} === 25")
        await page.close()
    events = [event for frame in got for event in json.loads(frame).get("events", [])]
    assert seqs_of(events) == list(range(1, 21))
    await writer.close()

"""The page during outages."""

import asyncio
import os
import re
import signal

import asyncpg
from playwright.async_api import Route, expect

from migrations.stream_metadata import new_epoch
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.page.browsing import LIVE, Sockets, expect_state, paths, recent_event, rows
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService, running_query
from tests.support.events import log_event, log_events
from tests.support.processes import running_service, start_service
from tests.support.projector import running_projector
from tests.support.servers import NatsServer
from tests.support.waiting import until

NO_SERVICE = "ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket connection to"
"""Console errors of Chromium when a service is down."""


async def test_the_page_resumes_after_the_query_service_was_killed(
    settings: Settings, log: LogClient, visitor: Visitor
) -> None:
    url = f"http://127.0.0.1:{settings.query_port}"
    first = start_service(settings, "serve", "query")
    try:
        await until(lambda: _listens(settings.query_port))
        sockets = Sockets()
        async with visitor.visit(url, allowed_errors=NO_SERVICE, sockets=sockets) as page:
            await log_events(log, [recent_event(path=f"/{number}") for number in range(3)])
            await expect(paths(page)).to_have_text(["/2", "/1", "/0"])
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            await expect_state(page, "Disconnected, retrying in")
            await log_events(log, [recent_event(path=f"/{number}") for number in range(3, 40)])
            with running_service(settings, "serve", "query"):
                await expect_state(page, LIVE)
                await log_event(log, recent_event(path="/40"))
                await expect(paths(page)).to_have_text([f"/{number}" for number in range(40, -1, -1)])
            assert re.search(r"from=[0-9a-f]+%3A3%3A", sockets.addresses[-1])
            await expect(page.get_by_text("Reconnected.")).to_be_visible()
    finally:
        first.kill()
        first.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_an_unavailable_log_is_reported_and_retried(
    own_nats_server: NatsServer, settings: Settings, visitor: Visitor
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    writer = await connect_log(own, "test-writer")
    await ensure_streams(writer, own)
    await log_event(writer, recent_event(path="/a"))
    async with running_query(own) as query, visitor.visit(query.url) as page:
        await expect(paths(page)).to_have_text(["/a"])
        await asyncio.to_thread(own_nats_server.kill)
        await page.reload()
        await expect_state(page, "Disconnected, retrying in")
        await expect(page.get_by_role("status")).to_have_text(re.compile("the log does not answer"))
        await asyncio.to_thread(own_nats_server.start)
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/a"])
    await writer.close()


async def test_a_refused_stream_shows_the_reason_and_is_not_retried(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event())
    link = "&".join(f"type=type_{number}" for number in range(101))
    sockets = Sockets()
    async with visitor.visit(f"{query.url}/?{link}", allowed_errors="422", sockets=sockets) as page:
        await expect_state(page, "Refused: event_type")
        await page.clock.fast_forward(600_000)
        await expect_state(page, "Refused: event_type")
        assert len(sockets.addresses) == 1
        await page.get_by_role("button", name="Show everything").click()
        await expect_state(page, LIVE)
        await expect(rows(page)).to_have_count(1)


async def test_old_and_missing_numbers_are_marked(
    query: QueryService, log: LogClient, database: str, postgres_server: EmbeddedPostgres, visitor: Visitor
) -> None:
    name = database.rsplit("/", 1)[1]
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await log_event(log, recent_event(path="/a"))
    async with visitor.visit(f"{query.url}/?range=1h", allowed_errors="503") as page:
        await expect(page.get_by_text("Events per minute. Click a bar")).to_be_visible()
        await admin.execute(f"alter database {name} allow_connections false")
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await expect(page.get_by_role("alert")).to_have_text(
            re.compile("Numbers from .*The last request failed: .*database")
        )
        await expect_state(page, LIVE)
        await log_event(log, recent_event(path="/b"))
        await expect(paths(page)).to_have_text(["/b", "/a"])
        await page.reload()
        await expect(page.get_by_role("alert")).to_have_text(re.compile("No numbers yet"))
        await admin.execute(f"alter database {name} allow_connections true")
        await expect(page.get_by_role("alert")).to_have_count(0)
    await admin.close()


async def test_a_new_epoch_is_reported_and_shown_live(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    async with visitor.visit(query.url) as page:
        await log_events(log, [recent_event(path=f"/{number}") for number in range(300)])
        await expect_state(page, LIVE)
        await expect(paths(page).first).to_have_text("/299")
        sockets = Sockets()
        sockets.listen(page)
        await new_epoch(log)
        await expect(page.get_by_text("The log was replaced.")).to_be_visible()
        await expect_state(page, LIVE)
        assert ["from=-60s" in address for address in sockets.addresses] == [True]
        await log_event(log, recent_event(path="/after"))
        await expect(paths(page).first).to_have_text("/after")
        await page.get_by_role("region", name="Log replaced").get_by_role("button", name="Close").click()
        await expect(page.get_by_role("region", name="Log replaced")).to_have_count(0)


async def test_a_hanging_service_is_not_shown_as_live(settings: Settings, log: LogClient, visitor: Visitor) -> None:
    service = start_service(settings, "serve", "query")
    try:
        await until(lambda: _listens(settings.query_port))
        await log_event(log, recent_event(path="/a"))
        # requests from before the stop may time out after it
        allowed_errors = f"{NO_SERVICE}|50[34]"
        async with visitor.visit(f"http://127.0.0.1:{settings.query_port}", allowed_errors=allowed_errors) as page:
            await expect_state(page, LIVE)
            service.send_signal(signal.SIGSTOP)
            await expect(page.get_by_test_id("connection")).not_to_have_text("Live")
            service.send_signal(signal.SIGCONT)
            await expect_state(page, LIVE)
            await log_event(log, recent_event(path="/b"))
            await expect(paths(page)).to_have_text(["/b", "/a"])
    finally:
        service.kill()
        service.wait()


async def test_a_problem_of_the_service_is_shown_in_its_words(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/a"))

    async def troubled(route: Route) -> None:
        answer = await route.fetch()
        problem = {"code": "another_history", "message": "what is counted is not of this log: replay it"}
        await route.fulfill(response=answer, json={**await answer.json(), "problem": problem})

    async with visitor.visit(query.url) as page:
        await page.route("**/status", troubled)
        await expect(page.get_by_test_id("lag")).to_have_text("what is counted is not of this log")
        await expect(page.get_by_role("alert")).to_have_text("what is counted is not of this log: replay it.")
        await expect(page.get_by_test_id("connection")).to_be_visible()


async def test_the_lag_is_shown(query: QueryService, log: LogClient, settings: Settings, visitor: Visitor) -> None:
    await log_events(log, [recent_event(path=f"/{number}") for number in range(7)])
    async with visitor.visit(query.url) as page:
        lag = page.get_by_test_id("lag")
        health = page.get_by_role("button").filter(has=lag)
        await expect(lag).to_have_text(re.compile(r"7 entries behind, [\d.]+ s"))
        await expect(health).to_have_attribute("data-tone", "wait")
        async with running_projector(settings):
            await expect(lag).to_have_text("Up to date")
            await expect(health).to_have_attribute("data-tone", "live")


async def test_the_backlog_is_shown_while_catching_up(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, recent_event(path="/0"))
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await page.keyboard.press("Space")
        await expect_state(page, "Paused")
        await log_events(log, [recent_event(path=f"/{number}") for number in range(1, 501)])
        await expect_state(page, "Paused, 500 behind")
        said = page.get_by_test_id("connection")
        texts = await said.evaluate_handle(
            """(element) => {
                const texts = [];
                new MutationObserver(() => texts.push(element.textContent))
                    .observe(element, { subtree: true, childList: true, characterData: true });
                return texts;
            }"""
        )
        await page.keyboard.press("Space")
        await expect_state(page, LIVE)
        assert "Catching up, 500 entries behind" in await texts.json_value()

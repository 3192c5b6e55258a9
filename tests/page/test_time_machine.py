"""Replays: starting, pacing, pausing, and returning to live."""

import json
import re
from datetime import UTC, datetime, timedelta

import asyncpg
from playwright.async_api import WebSocketRoute, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import LIVE, Sockets, expect_state, paths, recent_event
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_event, log_events
from tests.support.projector import running_projector, until_projected

DAY = 86_400.0
HOUR = 3_600.0
FAST_CLOCK = "const real = Date.now; Date.now = () => real() + 300_000;"


async def test_a_replay_by_event_time_follows_its_clock_and_becomes_live(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    # a test can't append in the past, so the events themselves are of yesterday
    ago = [DAY, DAY - 10, DAY - 20, DAY - 20 - HOUR]
    await log_events(log, [recent_event(path=f"/{number}", ago=seconds) for number, seconds in enumerate(ago)])
    epoch = (await log.state()).epoch
    sockets = Sockets()
    link = f"?at={epoch}:0:&speed=10&clock=event"
    async with visitor.visit(f"{query.url}/{link}", sockets=sockets) as page:
        await expect_state(page, "Replaying at 10×")
        await expect(paths(page).last).to_have_text("/0")
        time = page.get_by_test_id("stream-time")
        yesterday = datetime.now(UTC) - timedelta(days=1)
        await expect(time.locator("time")).to_have_attribute("datetime", re.compile(f"^{yesterday:%Y-%m-%d}"))
        await expect(time).to_contain_text("Replay at 10×")
        await expect(page.get_by_role("heading", name="Events per 10 s")).to_be_visible()
        await expect(page).to_have_title("Replaying at 10× · Tailrace")
        # the service shortens the hour between two events to ten seconds
        await expect(paths(page)).to_have_text(["/3", "/2", "/1", "/0"])
        await expect_state(page, LIVE)
        await expect(page.get_by_text("The replay has caught up")).to_be_visible()
        assert "at=" not in page.url
        await log_event(log, recent_event(path="/now"))
        await expect(paths(page)).to_have_text(["/now", "/3", "/2", "/1", "/0"])
    assert "speed=10" in sockets.addresses[0]
    assert "clock=event" in sockets.addresses[0]


async def test_a_preset_starts_a_replay_and_escape_ends_it(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await expect_state(page, LIVE)
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="5 min ago").click()
        await expect_state(page, "Replaying at 1×")
        await expect(page.get_by_text("The log starts on")).to_be_visible()
        await expect(page).to_have_url(re.compile(r"\?at=\d{4}-\d\d-\d\dT[\d:.]+Z&speed=1$"))
        assert sockets.sent[-1]["kind"] == "seek"
        assert sockets.sent[-1]["speed"] == 1
        asked = datetime.fromisoformat(sockets.sent[-1]["from"])
        assert timedelta(minutes=4) < datetime.now(UTC) - asked < timedelta(minutes=6)
        await page.keyboard.press("Escape")
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/a"])
        assert "at=" not in page.url


async def test_a_typed_start_must_be_in_the_past(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, recent_event(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await expect_state(page, LIVE)
        field = page.get_by_label("Replay from")
        await field.fill("2126-01-01T00:00:00")
        await field.press("Enter")
        await expect(page.get_by_text("Enter a time in the past.")).to_be_visible()
        await field.fill("2026-03-01T12:00:00")
        await field.press("Enter")
        await expect_state(page, "Replaying at 10×")
        assert sockets.sent[-1]["from"] == "2026-03-01T11:00:00.000Z"  # noon in Berlin
        await page.get_by_role("button", name="Back to live").click()
        await expect_state(page, LIVE)


async def test_a_replay_can_be_paused_and_changes_speed_in_place(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    ago = [HOUR, HOUR - 1, HOUR - 2, 1]
    await log_events(log, [recent_event(path=f"/{number}", ago=seconds) for number, seconds in enumerate(ago)])
    epoch = (await log.state()).epoch
    sockets = Sockets()
    link = f"?at={epoch}:0:&speed=1&clock=event"
    async with visitor.visit(f"{query.url}/{link}", sockets=sockets) as page:
        await expect(paths(page).last).to_have_text("/0")
        await page.keyboard.press("Space")
        await expect_state(page, "Paused")
        await page.keyboard.press("Space")
        await expect_state(page, "Replaying at 1×")
        await page.get_by_role("radio", name="Max", exact=True).check()
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/3", "/2", "/1", "/0"])
    assert [sent["kind"] for sent in sockets.sent] == ["pause", "seek", "seek"]
    assert sockets.sent[-1]["speed"] == "max"
    assert sockets.sent[-1]["from"].startswith(f"{epoch}:")


async def test_a_link_opens_a_replay(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [recent_event("click", path="/a"), recent_event("order", path="/b")])
    async with visitor.visit(f"{query.url}/?range=24h&type=order&at=2026-01-01T00:00:00Z&speed=max") as page:
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/b"])
        await expect(page.get_by_role("radio", name="24 hours")).to_be_checked()
        await expect(page).to_have_url(re.compile(r"\?range=24h&type=order$"))


async def test_a_replay_by_log_time_ignores_event_times(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    begun = datetime.now(UTC)
    await log_events(log, [recent_event(path="/imported", ago=40 * DAY), recent_event(path="/ahead", ago=-HOUR)])
    epoch = (await log.state()).epoch
    async with visitor.visit(f"{query.url}/?at={epoch}:0:&speed=0.1") as page:
        await expect(paths(page).last).to_have_text("/imported")
        shown = await page.get_by_test_id("stream-time").locator("time").get_attribute("datetime")
        assert shown is not None
        assert abs(datetime.fromisoformat(shown) - begun) < timedelta(minutes=1)
        await expect_state(page, LIVE)
        await expect(paths(page)).to_have_text(["/ahead", "/imported"])
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("2 in total"))


async def test_the_details_show_when_an_event_was_appended(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event("import", path="/a", ago=2 * DAY))
    async with visitor.visit(query.url) as page:
        await paths(page).first.click()
        facts = page.get_by_role("dialog", name="import").locator(".facts")
        await expect(facts).to_contain_text(re.compile(rf"Appended.*{datetime.now():%Y}.*2 days later"))


async def test_a_bar_sets_the_clock_of_its_own_replay_only(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [recent_event(path=f"/{number}", ago=number * 60.0) for number in reversed(range(50))])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        history = page.get_by_role("region", name="Overview")
        await history.get_by_role("button", name="Show table").click()
        await history.get_by_role("button", name="Replay from").last.click()
        pace = page.get_by_role("combobox", name="Replay clock")
        await expect(pace).to_have_value("event")
        await page.get_by_role("button", name="5 min ago").click()
        await expect(pace).to_have_value("log")
        await expect_state(page, "Replaying at 10×")
        assert "clock=event" not in page.url
        await pace.select_option("event")
        await page.get_by_role("button", name="1 hour ago").click()
        await expect(pace).to_have_value("event")
    assert any('"clock": "log"' in json.dumps(sent) for sent in sockets.sent)


async def test_a_replay_from_before_the_log_offers_to_skip_to_its_start(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_events(log, [recent_event(path="/a", ago=3 * DAY), recent_event(path="/b")])
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="Yesterday").click()
        await expect(page.get_by_text(re.compile("The log starts on "))).to_be_visible()
        time = page.get_by_test_id("stream-time").locator("time")
        stands = await time.get_attribute("datetime")
        await expect(page.get_by_text("24 h ago")).to_be_visible()
        await page.get_by_role("button", name="Skip to the start").click()
        await expect(paths(page)).to_have_text(["/b", "/a"])
        assert stands is not None
        yesterday = datetime.now(UTC) - timedelta(days=1)
        assert abs(datetime.fromisoformat(stands) - yesterday) < timedelta(seconds=30)


async def test_a_wrong_clock_of_this_machine_is_corrected(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, script=FAST_CLOCK, sockets=sockets) as page:
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("1 in total"))
        await expect_state(page, LIVE)
        await page.get_by_role("button", name="5 min ago").click()
        await expect_state(page, "Replaying")
        asked = datetime.fromisoformat(sockets.sent[-1]["from"])
        assert timedelta(minutes=4) < datetime.now(UTC) - asked < timedelta(minutes=6)


async def test_a_wrong_clock_is_corrected_without_reconnecting(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, recent_event(path="/a"))
    streams: list[str] = []
    async with visitor.visit("about:blank", script=FAST_CLOCK) as page:
        async with page.expect_response(lambda answer: answer.url.endswith("/status")) as told:

            async def connect(stream: WebSocketRoute) -> None:
                streams.append(stream.url)
                await (await told.value).finished()
                stream.connect_to_server()

            await page.route_web_socket(re.compile("/ws"), connect)
            await page.goto(query.url)
        chart = page.get_by_role("img", name="Events per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("1 in total"))
        await expect_state(page, LIVE)
    assert len(streams) == 1


async def test_controls_do_not_move_during_a_replay(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, recent_event(path="/a"))
    async with visitor.visit(query.url) as page:
        await expect_state(page, LIVE)
        button = page.get_by_role("button", name="5 min ago")
        places = [await button.bounding_box()]
        for at in ("2026-01-28T23:58:58Z", "2026-09-30T11:11:11Z"):
            for speed in (1, 600):
                await page.goto(f"{query.url}/?at={at}&speed={speed}")
                await expect_state(page, f"Replaying at {speed}×")
                await expect(page.get_by_test_id("stream-time")).to_contain_text("ago")
                places.append(await button.bounding_box())
        assert [place for place in places if place != places[0]] == []

"""Going back to a moment, watching it again, and coming back."""

import json
import re
from datetime import UTC, datetime, timedelta

import asyncpg
from playwright.async_api import WebSocketRoute, expect

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import LIVE, Sockets, fresh, paths, says
from tests.page.conftest import Visitor
from tests.query.conftest import QueryService
from tests.support.events import log_event, log_events
from tests.support.projector import running_projector, until_projected

DAY = 86_400.0
HOUR = 3_600.0
FAST_CLOCK = "const real = Date.now; Date.now = () => real() + 300_000;"


async def test_what_happened_yesterday_is_replayed_at_ten_times_its_pace_by_its_own_clock(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    # what a real log took yesterday can't be made: these happened yesterday, and the replay keeps their pace
    ago = [DAY, DAY - 10, DAY - 20, DAY - 20 - HOUR]
    await log_events(log, [fresh(path=f"/{number}", ago=seconds) for number, seconds in enumerate(ago)])
    epoch = (await log.state()).epoch
    sockets = Sockets()
    link = f"?at={epoch}:0:&speed=10&clock=event"
    async with visitor.visit(f"{query.url}/{link}", sockets=sockets) as page:
        await says(page, "Replaying at 10×")
        await expect(paths(page).last).to_have_text("/0")
        time = page.get_by_test_id("stream-time")
        yesterday = datetime.now(UTC) - timedelta(days=1)
        await expect(time.locator("time")).to_have_attribute("datetime", re.compile(f"^{yesterday:%Y-%m-%d}"))
        await expect(time).to_contain_text("The past, at 10×")
        await expect(page.get_by_role("heading", name="Log entries per 10 s")).to_be_visible()
        await expect(page).to_have_title("Replaying at 10× · Tailrace")
        # an hour between two events is shortened to ten seconds, and then the past is over
        await expect(paths(page)).to_have_text(["/3", "/2", "/1", "/0"])
        await says(page, LIVE)
        await expect(page.get_by_text("The replay has caught up")).to_be_visible()
        assert "at=" not in page.url
        await log_event(log, fresh(path="/now"))
        await expect(paths(page)).to_have_text(["/now", "/3", "/2", "/1", "/0"])
    assert "speed=10" in sockets.addresses[0]
    assert "clock=event" in sockets.addresses[0]


async def test_a_moment_that_is_picked_is_watched_from_there_on_and_left_for_now(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await says(page, LIVE)
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="5 min ago").click()
        await says(page, "Replaying at 1×")
        await expect(page.get_by_text("The log begins only on")).to_be_visible()
        await expect(page).to_have_url(re.compile(r"\?at=\d{4}-\d\d-\d\dT[\d:.]+Z&speed=1$"))
        assert sockets.said[-1]["kind"] == "seek"
        assert sockets.said[-1]["speed"] == 1
        asked = datetime.fromisoformat(sockets.said[-1]["from"])
        assert timedelta(minutes=4) < datetime.now(UTC) - asked < timedelta(minutes=6)
        await page.keyboard.press("Escape")
        await says(page, LIVE)
        await expect(paths(page)).to_have_text(["/a"])
        assert "at=" not in page.url


async def test_the_moment_may_be_typed_and_has_to_be_in_the_past(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        await says(page, LIVE)
        field = page.get_by_label("Replay from this moment")
        await field.fill("2126-01-01T00:00:00")
        await field.press("Enter")
        await expect(page.get_by_text("That has not happened yet.")).to_be_visible()
        await field.fill("2026-03-01T12:00:00")
        await field.press("Enter")
        await says(page, "Replaying at 10×")
        assert sockets.said[-1]["from"] == "2026-03-01T11:00:00.000Z"  # Berlin's noon
        await page.get_by_role("button", name="Back to now").click()
        await says(page, LIVE)


async def test_a_replay_changes_its_speed_where_it_is_and_can_be_paused(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    ago = [HOUR, HOUR - 1, HOUR - 2, 1]
    await log_events(log, [fresh(path=f"/{number}", ago=seconds) for number, seconds in enumerate(ago)])
    epoch = (await log.state()).epoch
    sockets = Sockets()
    link = f"?at={epoch}:0:&speed=1&clock=event"
    async with visitor.visit(f"{query.url}/{link}", sockets=sockets) as page:
        await expect(paths(page).last).to_have_text("/0")
        await page.keyboard.press("Space")
        await says(page, "Paused")
        await page.keyboard.press("Space")
        await says(page, "Replaying at 1×")
        await page.get_by_role("radio", name="Max", exact=True).check()
        await says(page, LIVE)
        await expect(paths(page)).to_have_text(["/3", "/2", "/1", "/0"])
    assert [said["kind"] for said in sockets.said] == ["pause", "seek", "seek"]
    assert sockets.said[-1]["speed"] == "max"
    assert sockets.said[-1]["from"].startswith(f"{epoch}:")


async def test_a_link_to_a_moment_opens_at_that_moment(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_events(log, [fresh("click", path="/a"), fresh("order", path="/b")])
    async with visitor.visit(f"{query.url}/?range=24h&type=order&at=2026-01-01T00:00:00Z&speed=max") as page:
        await says(page, LIVE)
        await expect(paths(page)).to_have_text(["/b"])
        await expect(page.get_by_role("radio", name="24 hours")).to_be_checked()
        await expect(page).to_have_url(re.compile(r"\?range=24h&type=order$"))


async def test_a_replay_by_arrival_has_the_logs_time_whatever_the_events_say(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    begun = datetime.now(UTC)
    await log_events(log, [fresh(path="/imported", ago=40 * DAY), fresh(path="/ahead", ago=-HOUR)])
    epoch = (await log.state()).epoch
    async with visitor.visit(f"{query.url}/?at={epoch}:0:&speed=0.1") as page:
        await expect(paths(page).last).to_have_text("/imported")
        shown = await page.get_by_test_id("stream-time").locator("time").get_attribute("datetime")
        assert shown is not None
        assert abs(datetime.fromisoformat(shown) - begun) < timedelta(minutes=1)
        await says(page, LIVE)
        await expect(paths(page)).to_have_text(["/ahead", "/imported"])
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("2 in all"))


async def test_an_event_tells_when_it_arrived(query: QueryService, log: LogClient, visitor: Visitor) -> None:
    await log_event(log, fresh("import", path="/a", ago=2 * DAY))
    async with visitor.visit(query.url) as page:
        await paths(page).first.click()
        facts = page.get_by_role("dialog", name="import").locator(".facts")
        await expect(facts).to_contain_text(re.compile(rf"Arrived.*{datetime.now():%Y}.*2 days later"))


async def test_a_bar_of_the_chart_sets_the_pace_of_its_own_replay_alone(
    query: QueryService, log: LogClient, settings: Settings, connection: "asyncpg.Connection", visitor: Visitor
) -> None:
    await log_events(log, [fresh(path=f"/{number}", ago=number * 60.0) for number in reversed(range(50))])
    async with running_projector(settings) as projecting:
        await until_projected(connection, log, projecting)
    sockets = Sockets()
    async with visitor.visit(query.url, sockets=sockets) as page:
        history = page.get_by_role("region", name="History")
        await history.get_by_role("button", name="Show table").click()
        await history.get_by_role("button", name="Replay from").last.click()
        pace = page.get_by_role("combobox", name="What sets the pace")
        await expect(pace).to_have_value("event")
        await page.get_by_role("button", name="5 min ago").click()
        await expect(pace).to_have_value("log")
        await says(page, "Replaying at 10×")
        assert "clock=event" not in page.url
        await pace.select_option("event")
        await page.get_by_role("button", name="1 hour ago").click()
        await expect(pace).to_have_value("event")
    assert any('"clock": "log"' in json.dumps(said) for said in sockets.said)


async def test_a_replay_from_before_the_log_began_says_when_that_was_and_skips_to_it(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_events(log, [fresh(path="/a", ago=3 * DAY), fresh(path="/b")])
    async with visitor.visit(query.url) as page:
        await says(page, LIVE)
        await page.get_by_role("radio", name="1×", exact=True).check()
        await page.get_by_role("button", name="Yesterday").click()
        await expect(page.get_by_text(re.compile("The log begins only on "))).to_be_visible()
        time = page.get_by_test_id("stream-time").locator("time")
        stands = await time.get_attribute("datetime")
        await expect(page.get_by_text("24 h ago")).to_be_visible()
        await page.get_by_role("button", name="Skip to it").click()
        await expect(paths(page)).to_have_text(["/b", "/a"])
        assert stands is not None
        yesterday = datetime.now(UTC) - timedelta(days=1)
        assert abs(datetime.fromisoformat(stands) - yesterday) < timedelta(seconds=30)


async def test_a_clock_that_is_wrong_here_does_not_spoil_what_is_shown(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/a"))
    sockets = Sockets()
    async with visitor.visit(query.url, script=FAST_CLOCK, sockets=sockets) as page:
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("1 in all"))
        await says(page, LIVE)
        await page.get_by_role("button", name="5 min ago").click()
        await says(page, "Replaying")
        asked = datetime.fromisoformat(sockets.said[-1]["from"])
        assert timedelta(minutes=4) < datetime.now(UTC) - asked < timedelta(minutes=6)


async def test_a_wrong_clock_is_found_out_while_the_stream_connects_without_connecting_anew(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/a"))
    streams: list[str] = []
    async with visitor.visit("about:blank", script=FAST_CLOCK) as page:
        async with page.expect_response(lambda answer: answer.url.endswith("/status")) as told:

            async def connect(stream: WebSocketRoute) -> None:
                streams.append(stream.url)
                await (await told.value).finished()
                stream.connect_to_server()

            await page.route_web_socket(re.compile("/ws"), connect)
            await page.goto(query.url)
        chart = page.get_by_role("img", name="Log entries per second in the last 60 seconds")
        await expect(chart).to_have_attribute("aria-label", re.compile("1 in all"))
        await says(page, LIVE)
    assert len(streams) == 1


async def test_controls_stay_where_they_are_during_a_replay(
    query: QueryService, log: LogClient, visitor: Visitor
) -> None:
    await log_event(log, fresh(path="/a"))
    async with visitor.visit(query.url) as page:
        await says(page, LIVE)
        button = page.get_by_role("button", name="5 min ago")
        places = [await button.bounding_box()]
        for moment in ("2026-01-28T23:58:58Z", "2026-09-30T11:11:11Z"):
            for speed in (1, 600):
                await page.goto(f"{query.url}/?at={moment}&speed={speed}")
                await says(page, f"Replaying at {speed}×")
                await expect(page.get_by_test_id("stream-time")).to_contain_text("ago")
                places.append(await button.bounding_box())
        assert [place for place in places if place != places[0]] == []

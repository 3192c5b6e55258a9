"""/sse is the stream of /ws, for curl and EventSource."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import Frame, QueryService, events_of, running_query, seqs_of
from tests.support.events import event, log_event, log_events, some_events
from tests.support.waiting import until

pytestmark = pytest.mark.writes_no_table


class EventSource:
    """Parses an answer as a browser's EventSource does: events with their ids, without comments."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.frames: list[Frame] = []
        self.last_event_id = ""
        self._lines = answer.aiter_lines()

    async def next(self) -> Frame | None:
        """The next event's data; None at the end."""
        data: list[str] = []
        async with asyncio.timeout(30):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "data":
                    data.append(value)
                elif field == "id":
                    self.last_event_id = value
                elif not line and data:
                    frame: Frame = json.loads("\n".join(data))
                    self.frames.append(frame)
                    return frame
        return None

    async def until(self, kind: str) -> Frame:
        while (frame := await self.next()) is not None:
            if frame["kind"] == kind:
                return frame
        raise AssertionError(f"the stream ended before {kind}")


@asynccontextmanager
async def source(query: QueryService, last_id: str = "", **parameters: Any) -> AsyncIterator[EventSource]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with query.http.stream("GET", "/sse", params=parameters, headers=headers) as answer:
        yield EventSource(answer)


async def test_sse_is_the_same_stream_as_ws(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(600))
    async with query.socket("earliest", event_type="click", batch=20) as socket:
        await socket.until("caught_up")
    asked: dict[str, Any] = {"from": "earliest", "event_type": "click", "batch": 20}
    async with source(query, **asked) as events:
        assert events.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert events.answer.headers["cache-control"] == "no-store"
        await events.until("caught_up")
        assert events_of(events.frames) == events_of(socket.frames)
        assert [events.frames[0], events.frames[-1]] == [socket.frames[0], socket.frames[-1]]
        assert events.last_event_id == events.frames[-1]["cursor"]
        await log_event(log, event("click"))
        assert seqs_of(events_of([await events.until("events")])) == [601]


async def test_a_client_that_reconnects_with_the_last_id_misses_and_repeats_nothing(
    query: QueryService, log: LogClient
) -> None:
    sending = asyncio.create_task(log_events(log, some_events(1_000)))
    last = ""
    got: list[Frame] = []
    while len(got) < 1_000:
        async with source(query, last, **{"from": "earliest"}) as events:
            for _ in range(3):
                frame = await events.next()
                assert frame is not None
                got += events_of([frame])
                if len(got) == 1_000:
                    break
            last = events.last_event_id
    await sending
    assert seqs_of(got) == list(range(1, 1_001))


async def test_a_browser_that_reached_the_end_receives_204(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(5))
    async with source(query, **{"from": "earliest", "until": "-0s"}) as events:
        end = await events.until("end")
        assert await events.next() is None
    again = await query.http.get("/sse", params={"until": end["cursor"]}, headers={"Last-Event-ID": end["cursor"]})
    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize(
    ("asked", "last_event_id", "detail"),
    [
        ({"from": "yesterday"}, "", "from: 'yesterday' is not 'latest'.*"),
        ({"batch": "0"}, "", "batch: .*"),
        ({"form": "earliest"}, "", "form: unknown parameter"),
        ({"until": "another:1:00000000"}, "", "until: another:1: is of another log.*"),
        ({}, "nonsense", "Last-Event-ID: 'nonsense' is not a cursor.*"),
    ],
)
async def test_a_bad_request_is_a_problem_that_names_the_parameter(
    query: QueryService, log: LogClient, asked: dict[str, str], last_event_id: str, detail: str
) -> None:
    answer = await query.http.get(
        "/sse", params=asked, headers={"Last-Event-ID": last_event_id} if last_event_id else {}
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == IsPartialDict(status=422, title="Bad parameter", detail=IsStr(regex=detail))


async def test_stopping_the_service_ends_the_stream_with_the_reason(settings: Settings, log: LogClient) -> None:
    async with running_query(settings) as query, query.http.stream("GET", "/sse") as answer:
        lines = answer.aiter_lines()
        await until(lambda: _clients(query, 1))
        query.stop.set()
        said = [line async for line in lines]
        assert said[-2:] == [IsStr(regex=": 3001 the service is shutting down.*"), ""]
        await query.task


async def test_clients_are_counted_until_they_leave(query: QueryService) -> None:
    async with source(query) as events:
        await events.until("hello")
        assert await _clients(query, 1)
    await until(lambda: _clients(query, 0))


async def _clients(query: QueryService, count: int) -> bool:
    return bool((await query.status())["live_clients"] == count)


async def test_curl_shows_events_as_they_arrive(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(3))
    shown = await asyncio.to_thread(
        subprocess.run,
        ["curl", "-sN", f"{query.url}/sse?from=earliest&until=-0s"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    lines = shown.stdout.splitlines()
    assert lines[0] == "retry: 1000"
    assert [json.loads(line[6:])["kind"] for line in lines if line.startswith("data: ")][0::2] == ["hello", "end"]
    assert lines[-2] == ": 1000 the requested end is reached"


async def test_its_parameters_are_described(query: QueryService) -> None:
    described = (await query.http.get("/openapi.json")).json()["paths"]["/sse"]["get"]
    names = {parameter["name"] for parameter in described["parameters"] if parameter["description"]}
    assert names == {"from", "until", "event_type", "user_id", "speed", "clock", "batch", "last-event-id"}


async def test_an_unavailable_log_is_a_problem(query: QueryService, log: LogClient) -> None:
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    answer = await query.http.get("/sse")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == IsPartialDict(title="Log unavailable")


BROWSER = {"Accept": "text/event-stream"}
"""The Accept header of an EventSource; curl and others accept anything."""


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json, Text/Event-Stream;q=0.9"])
async def test_a_browser_reconnects_while_the_log_is_unavailable(
    query: QueryService, log: LogClient, accept: str
) -> None:
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    answer = await query.http.get("/sse", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == IsStr(regex=r"retry: 1000\n\n: 1013 [^\n]+\n\n")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/*"])
async def test_other_clients_receive_a_problem_while_the_log_is_unavailable(
    query: QueryService, log: LogClient, accept: str
) -> None:
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    answer = await query.http.get("/sse", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


async def test_a_browsers_bad_request_is_a_problem(query: QueryService, log: LogClient) -> None:
    answer = await query.http.get("/sse", params={"batch": "0"}, headers=BROWSER)
    assert answer.status_code == 422

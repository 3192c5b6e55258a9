"""``POST /events``: every kind of body and every status; answers match the log."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr, IsUUID
from nats.aio.client import Client

from command.event_types import EventTypes
from contracts.cursors import Cursor, fingerprints_agree
from contracts.errors import EventRejectedError
from contracts.subjects import INBOX, SUBMIT, USERS_BUCKET, subject_of
from runtime.log.buckets import read_value
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.api_documents import check_response
from tests.support.command import Command, log_entries, logged_events, running_command, until_logged
from tests.support.events import append

SEED = {
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}
PROBLEM = "application/problem+json"


def event(**fields: Any) -> dict[str, Any]:
    return SEED | fields


async def test_one_event_is_answered_with_its_id_and_position(command: Command, log: LogClient) -> None:
    answer = await command.http.post("/events", json=SEED)
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "rejected": [],
        "items": [{"event_id": IsUUID}],
        "cursor": IsStr(regex=r"[0-9a-f]{12}:1:[0-9a-f]{8}"),
    }
    [stored] = await logged_events(log)
    assert str(stored.event_id) == answer.json()["items"][0]["event_id"]
    assert json.loads(bytes(stored.event_data)) == {"path": "/home"}
    cursor, [entry] = Cursor.parse(answer.json()["cursor"]), await log_entries(log)
    full = entry.cursor((await log.state()).epoch)
    assert cursor[:2] == full[:2]
    assert fingerprints_agree(cursor.fingerprint, full.fingerprint)


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/json", "application/x-www-form-urlencoded"]
)
async def test_arrays_and_lines_are_accepted_with_or_without_content_type(
    command: Command, log: LogClient, content_type: str
) -> None:
    lines = [json.dumps(event(user_id=n)) for n in range(3)]
    body = "[" + ",".join(lines) + "]" if content_type == "application/json" else "\n".join(lines)
    answer = await command.http.post("/events", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert [stored.user_id for stored in await logged_events(log)] == [0, 1, 2]


async def test_a_large_body_is_stored_in_its_order(command: Command, log: LogClient) -> None:
    body = "\n".join(json.dumps(event(user_id=n, event_type=f"type {n % 7}")) for n in range(5_000))
    answer = await command.http.post("/events", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 5_000)
    assert Cursor.parse(answer.json()["cursor"]).seq == 5_000
    events = await logged_events(log)
    assert [stored.user_id for stored in events] == list(range(5_000))
    assert [str(stored.event_id) for stored in events] == [item["event_id"] for item in answer.json()["items"]]


async def test_concurrent_bodies_keep_their_order(command: Command, log: LogClient) -> None:
    async def send(user_id: int) -> None:
        body = [event(user_id=user_id, event_data={"n": n}) for n in range(1_500)]
        assert (await command.http.post("/events", json=body)).status_code == 202

    await asyncio.gather(*(send(user_id) for user_id in range(3)))
    events = await logged_events(log)
    for user_id in range(3):
        numbers = [json.loads(bytes(one.event_data))["n"] for one in events if one.user_id == user_id]
        assert numbers == list(range(1_500))


async def test_refused_events_are_listed_and_do_not_affect_the_others(command: Command, log: LogClient) -> None:
    mine = str(uuid4())
    body = f'{json.dumps(SEED)}\n{{"event_type"\n{json.dumps(event(event_id=mine, user_id=True))}\n{json.dumps(SEED)}'
    answer = await command.http.post("/events", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 207
    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {"index": 1, "event_id": None, "code": "invalid_json", "message": IsStr(regex="the text is not valid.*")},
            {
                "index": 2,
                "event_id": mine,
                "code": "invalid_user_id",
                "message": IsStr(regex="user_id: expected int.*got bool"),
            },
        ],
        "items": [{"event_id": IsUUID}, {"event_id": None}, {"event_id": mine}, {"event_id": IsUUID}],
        "cursor": IsStr(regex=".*:2:.*"),
    }
    assert (await log.state()).last_seq == 2


@pytest.mark.parametrize("body", [event(user_id=True), [event(user_id=True), 5]])
async def test_a_body_of_refused_events_is_a_problem_with_the_reasons(
    command: Command, log: LogClient, body: Any
) -> None:
    answer = await command.http.post("/events", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json() == IsPartialDict(accepted=0, cursor=None, detail=IsStr(regex=".*user_id: expected int.*"))
    assert answer.json()["rejected"][0] == IsPartialDict(index=0, code="invalid_user_id")
    assert (await log.state()).last_seq == 0


async def test_a_duplicate_is_accepted_at_the_position_of_the_first(command: Command) -> None:
    mine = event(event_id=str(uuid4()))
    first = await command.http.post("/events?detail=1", json=[SEED, mine])
    again = await command.http.post("/events?detail=1", json=[mine | {"created_at": "2025-10-11T10:00:00Z"}, 7])
    [_, item], [same, refused] = first.json()["items"], again.json()["items"]
    assert item == {"event_id": mine["event_id"], "cursor": IsStr(regex=".*:2:.*"), "duplicate": False}
    assert same == item | {"duplicate": True}
    assert refused == {"event_id": None, "cursor": None, "duplicate": None}
    assert (again.status_code, again.json()["accepted"], again.json()["cursor"]) == (207, 1, item["cursor"])


async def test_a_string_is_one_user_however_it_is_sent_and_only_its_hash_is_stored(
    command: Command, settings: Settings, nats: Client, log: LogClient
) -> None:
    await command.http.post("/events", json=[event(user_id="alice"), event(user_id="Alice"), event(user_id="123")])
    async with running_command(settings) as other:
        await other.http.post("/events", json=event(user_id="alice"))
    await nats.publish(INBOX, json.dumps(event(user_id="alice")).encode())
    await nats.request(SUBMIT, json.dumps(event(user_id="alice")).encode(), timeout=10)
    await until_logged(log, 6)
    alice, other_case, number, *more = [stored.user_id for stored in await logged_events(log)]
    assert (set(more), number) == ({alice}, 123)
    assert alice is not None
    assert other_case is not None
    assert max(alice, other_case) < 0
    assert alice != other_case
    assert not any(b"lice" in entry.payload for entry in await log_entries(log))


async def test_with_another_key_strings_are_refused_and_integers_are_not(
    command: Command, settings: Settings, log: LogClient, tmp_path: Path
) -> None:
    file = tmp_path / "user.key"
    file.write_text("another key of some forty random characters")
    async with running_command(settings.model_copy(update={"user_key_file": str(file)})) as other:
        answer = await other.http.post("/events", json=[event(user_id="alice"), event()])
    assert answer.json() == IsPartialDict(accepted=1)
    [refused] = answer.json()["rejected"]
    assert refused == IsPartialDict(index=0, code="no_user_key", message=IsStr(regex="user_id: the key .*"))
    assert "alice" not in refused["message"]
    file.write_bytes((await read_value(log, USERS_BUCKET, "key"))[0])
    async with running_command(settings.model_copy(update={"user_key_file": str(file)})) as other:
        assert (await other.http.post("/events", json=event(user_id="alice"))).status_code == 202


@pytest.mark.parametrize("body", [b"", b"[]", b"hello", b'{"event_type":', b"[{}"])
async def test_a_body_without_events_is_400(command: Command, body: bytes) -> None:
    answer = await command.http.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert answer.json() == {
        "type": "about:blank",
        "title": "Malformed body",
        "status": 400,
        "detail": IsStr(min_length=10),
    }


@pytest.mark.parametrize("headers", [{"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Encoding": "gzip"}])
async def test_an_unsupported_media_type_or_encoding_is_415(command: Command, headers: dict[str, str]) -> None:
    answer = await command.http.post("/events", content=b"x", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)


@pytest.mark.parametrize(
    ("query", "detail"),
    [("detail=yes", "detail: expected 1, true, 0, false"), ("detials=1", "detials: unknown parameter")],
)
async def test_an_unknown_parameter_is_refused_and_nothing_is_stored(
    command: Command, log: LogClient, query: str, detail: str
) -> None:
    answer = await command.http.post(f"/events?{query}", json=SEED)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert answer.json() == IsPartialDict(title="Bad parameter", detail=detail)
    assert (await log.state()).last_seq == 0


async def test_other_methods_and_paths_are_problems(command: Command) -> None:
    wrong_method = await command.http.get("/events")
    assert (wrong_method.status_code, wrong_method.headers["content-type"]) == (405, PROBLEM)
    assert wrong_method.headers["allow"] == "POST"
    wrong_path = await command.http.post("/nowhere")
    assert (wrong_path.status_code, wrong_path.json()["detail"]) == (404, "there is nothing at /nowhere")
    assert (await command.http.get("/status/")).status_code == 404  # a redirect would repeat the Host header


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(settings: Settings, log: LogClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 1_000

    async with running_command(settings.model_copy(update={"max_body_bytes": 10_000})) as command:
        announced = await command.http.post("/events", content=b" " * 10_001)
        streamed = await command.http.post("/events", content=endless())
        fits = await command.http.post("/events", content=json.dumps(SEED).encode().ljust(10_000))
    assert (announced.status_code, streamed.status_code, fits.status_code) == (413, 413, 202)
    assert announced.json()["detail"] == "the body has 10,001 bytes, and the limit is 10,000"
    assert announced.headers["connection"] == "close"


async def test_bodies_beyond_the_limit_of_all_are_503_until_there_is_room(settings: Settings, log: LogClient) -> None:
    sent, finish = asyncio.Event(), asyncio.Event()

    async def unfinished() -> AsyncIterator[bytes]:
        yield json.dumps(SEED).encode().ljust(900)
        sent.set()
        await finish.wait()
        yield b" "

    async with running_command(settings.model_copy(update={"max_pending_body_bytes": 1_000})) as command:
        first = asyncio.create_task(command.http.post("/events", content=unfinished()))
        await sent.wait()
        second = await command.http.post("/events", content=json.dumps(SEED).encode().ljust(500))
        finish.set()
        third = await first
        large = await command.http.post("/events", content=json.dumps(SEED).encode().ljust(2_000))
        check_response(command.service.openapi, "/events", "post", second)
    assert (second.status_code, second.headers["retry-after"], second.json()["code"]) == (503, "1", "overloaded")
    assert (third.status_code, large.status_code) == (202, 202)
    assert (await log.state()).last_seq == 2


async def test_too_many_pending_events_are_429_but_one_large_body_is_accepted(
    settings: Settings, log: LogClient
) -> None:
    async with running_command(settings.model_copy(update={"max_pending_events": 100})) as command:
        answers = await asyncio.gather(*(command.http.post("/events", json=[SEED] * 60) for _ in range(3)))
        big = await command.http.post("/events", json=[SEED] * 250)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 1 <= len(refused) <= 2
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert (big.status_code, big.json()["accepted"]) == (202, 250)
    assert (await log.state()).last_seq == 60 * (3 - len(refused)) + 250


async def test_the_number_of_event_types_is_limited(settings: Settings, log: LogClient) -> None:
    await append(log, subject_of("old"), b"x", "")
    async with running_command(settings.model_copy(update={"max_event_types": 2})) as command:
        answer = await command.http.post("/events", json=[event(event_type=name) for name in ("old", "a", "b", "a")])
        assert answer.json()["accepted"] == 3
        assert answer.json()["rejected"] == [IsPartialDict(index=2, code="too_many_event_types")]
    assert (await log.state()).subjects == 2


async def test_new_event_types_are_limited_by_the_minute(settings: Settings, log: LogClient) -> None:
    async with running_command(settings.model_copy(update={"max_new_event_types": 2})) as command:
        answer = await command.http.post("/events", json=[event(event_type=name) for name in "abcb"])
        assert answer.json()["accepted"] == 3
        message = "event_type: 'c' is new, and a sender may add 2 types a minute"
        assert answer.json()["rejected"] == [IsPartialDict(index=2, code="too_many_event_types", message=message)]


def test_each_sender_has_new_event_types_of_its_own() -> None:
    types = EventTypes(100, per_minute=2)
    for sender in ("one", "two"):
        for name in ("a", "b"):
            types.subject(f"{sender}.{name}", sender)
        with pytest.raises(EventRejectedError):
            types.subject("another", sender)
        types.subject("one.a", sender)


async def test_status_counts_outcomes(command: Command, log: LogClient) -> None:
    mine = event(event_id=str(uuid4()))
    await command.http.post("/events", json=[mine, SEED, 1])
    await command.http.post("/events", json=mine)
    assert (await command.http.get("/status")).json() == {
        "accepted": 3,
        "duplicates": 1,
        "rejected": 1,
        "unstored": 0,
        "pending": 0,
        "started_at": IsStr(regex=r"\d{4}-\d\d-\d\dT.*Z"),
        "epoch": (await log.state()).epoch,
    }


async def test_health_reports_that_the_log_answers(command: Command) -> None:
    for path in ("/health", "/health/ready"):
        answer = await command.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "log": "ok"})


async def test_generated_ids_are_ordered_in_time(command: Command) -> None:
    answers: list[httpx.Response] = [await command.http.post("/events", json=SEED) for _ in range(20)]
    ids = [UUID(answer.json()["items"][0]["event_id"]) for answer in answers]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}

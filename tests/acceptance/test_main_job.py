"""The main job end to end: the system that ``tailrace up`` starts, used from outside."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import pytest
from dirty_equals import IsPartialDict, IsStr, IsUUID
from websockets.asyncio.client import connect as websocket

from tests.support.up import UpRun, running_up

pytestmark = pytest.mark.timeout(240)

ACCESS_LOG = Path(__file__).parents[3] / "shared" / "data" / "access.log"
SEED_EVENT = (
    b'{"event_type":"page_view","user_id":123,"created_at":"2025-10-10T10:00:00Z","event_data":{"path":"/home"}}'
)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[UpRun]:
    # short, so that a retry can come after it
    with running_up(tmp_path / "data", "--no-producer", env=os.environ | {"TAILRACE_DEDUPE_WINDOW": "1"}) as run:
        run.until_ready()
        yield run


def stats(up: UpRun, **parameters: Any) -> dict[str, Any]:
    answer = httpx.get(f"{up.endpoints()['query']}/stats", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tailrace(up: UpRun, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tailrace", *arguments, "--data-dir", str(up.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def until_counted(up: UpRun, events: int) -> dict[str, Any]:
    up.until(f"{events} events in /stats", lambda: stats(up)["totals"]["events"] >= events)
    return stats(up)


def awk(program: str, file: Path) -> dict[str, int]:
    """Returns counts per key from lines of ``key<TAB>count``."""
    output = subprocess.run(["awk", program, str(file)], capture_output=True, text=True, check=True).stdout
    return {key: int(count) for key, count in csv.reader(output.splitlines(), delimiter="\t")}


@pytest.mark.skipif(
    not ACCESS_LOG.exists() and not os.environ.get("CI"), reason="needs ../shared/data/access.log next to the checkout"
)
async def test_an_imported_access_log_is_counted_as_awk_counts_it_and_twice_adds_nothing(up: UpRun) -> None:
    for _ in range(2):
        result = tailrace(up, "import", str(ACCESS_LOG), "--format", "combined")
        assert result.returncode == 0, result.stdout + result.stderr
        until_counted(up, 10_000)
        # the second import's entries come after the deduplication window: they are in the log again, and are projected
        up.until("everything projected", lambda: stats(up)["as_of"]["lag_events"] == 0)
        found = stats(up)
        assert found["as_of"]["lag_events"] == 0
        assert found["totals"] == {"events": 10_000, "users": 1_753}
        assert found["by_type"] == [{"event_type": "http_request", "events": 10_000, "users": 1_753}]
    days = {
        point["bucket"][:10]: point["events"]
        for point in stats(up, bucket="day", **{"from": "2015-05-01T00:00:00Z", "to": "2015-06-01T00:00:00Z"})["series"]
    }
    by_day = awk(
        r'{split(substr($4, 2), t, /[\/:]/); n["2015-05-" t[1]]++} END {for (k in n) print k "\t" n[k]}', ACCESS_LOG
    )
    assert days == by_day
    connection = await asyncpg.connect(up.endpoints()["database"])
    rows = await connection.fetch("select event_data->>'status' status, count(*) n from analytics_events group by 1")
    await connection.close()
    by_status = awk(
        r'{match($0, /" [0-9][0-9][0-9] /); n[substr($0, RSTART + 2, 3)]++} END {for (k in n) print k "\t" n[k]}',
        ACCESS_LOG,
    )
    assert {row["status"]: row["n"] for row in rows} == by_status


@pytest.mark.exclusive
async def test_the_seeds_event_from_a_nats_client_is_streamed_and_counted_within_a_second(up: UpRun) -> None:
    endpoints = up.endpoints()
    connection = await nats.connect(endpoints["nats"])
    async with websocket(f"{endpoints['query'].replace('http', 'ws')}/ws?from=latest") as live:
        assert json.loads(await live.recv()) == IsPartialDict(kind="hello", epoch=IsStr)
        started = time.monotonic()
        await connection.publish("analytics", SEED_EVENT)
        async with asyncio.timeout(1):
            while (frame := json.loads(await live.recv()))["kind"] != "events":
                pass
        assert frame["events"] == [
            {
                "cursor": frame["cursor"],
                "logged_at": IsStr(regex=r".*Z"),
                "event_id": IsUUID(),
                "event_type": "page_view",
                "user_id": 123,
                "created_at": "2025-10-10T10:00:00Z",
                "event_data": {"path": "/home"},
            }
        ]
        counted = stats(up, min_cursor=frame["cursor"])
        assert time.monotonic() - started < 1
    assert counted["totals"] == {"events": 1, "users": 1}
    # JetStream's acknowledgement: stored in the inbox
    ack = await connection.jetstream().publish("analytics", SEED_EVENT)
    assert ack.stream == "ANALYTICS_INBOX"
    until_counted(up, 2)
    answer = json.loads((await connection.request("analytics.submit", SEED_EVENT, timeout=5)).data)
    assert answer == {"event_id": IsUUID(), "cursor": IsStr(regex=r"\w+:3:\w+"), "duplicate": False}
    await connection.close()


async def test_an_event_id_sent_three_times_across_a_restart_and_the_dedupe_window_counts_once(up: UpRun) -> None:
    endpoints = up.endpoints()
    event_id = str(uuid4())

    def send(day: int) -> str:
        event = {
            "event_id": event_id,
            "event_type": "order",
            "user_id": 7,
            "created_at": f"2026-03-0{day}T12:00:00Z",
            "event_data": {"attempt": day},
        }
        answer = httpx.post(f"{endpoints['command']}/events", json=event)
        assert answer.status_code == 202
        cursor: str = answer.json()["cursor"]
        return cursor

    def log_length() -> int:
        found: int = json.loads(tailrace(up, "status", "--json").stdout)["log"]["last_seq"]
        return found

    def send_again(day: int) -> str:
        # until the log accepts it as new: its deduplication window has passed
        before = log_length()
        cursor = ""

        def taken() -> bool:
            nonlocal cursor
            cursor = send(day)
            return int(cursor.split(":")[1]) > before

        up.until("the dedupe window to pass", taken)
        return cursor

    first = send(1)
    assert stats(up, min_cursor=first)["totals"]["events"] == 1
    projector = up.endpoints()["pids"]["projection"]
    os.kill(projector, signal.SIGKILL)
    send_again(2)
    up.until("the projector's restart", lambda: up.endpoints()["pids"].get("projection", projector) != projector)
    last = send_again(3)
    found = stats(up, min_cursor=last)
    assert found["totals"] == {"events": 1, "users": 1}
    assert [point["events"] for point in found["series"]] == [1]
    connection = await asyncpg.connect(endpoints["database"])
    rows = await connection.fetch(
        "select created_at::date::text as day from analytics_events where event_id = $1", event_id
    )
    await connection.close()
    assert [row["day"] for row in rows] == ["2026-03-01"]


async def test_unprojectable_events_are_parked_and_rejected_messages_are_listed(up: UpRun) -> None:
    endpoints = up.endpoints()
    connection = await nats.connect(endpoints["nats"])
    js = connection.jetstream()
    await js.publish("analytics", SEED_EVENT)
    await js.publish("analytics", b'{"event_type":"page_view","user_id":true,"event_data":{}}')
    up.until("the good one", lambda: stats(up)["totals"]["events"] == 1)
    await js.publish("analytics.events.page_view", b"straight into the log, and no event")
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{endpoints['command']}/events", content=SEED_EVENT)
    assert answer.status_code == 202
    assert stats(up, min_cursor=answer.json()["cursor"])["totals"]["events"] == 2
    database = await asyncpg.connect(endpoints["database"])
    parked = await database.fetch("select code, reason, convert_from(payload, 'UTF8') payload from parked_events")
    await database.close()
    assert [dict(row) for row in parked] == [
        {"code": "invalid_json", "reason": IsStr(min_length=10), "payload": "straight into the log, and no event"}
    ]
    up.until("the refused one", lambda: "user_id" in tailrace(up, "rejected", "list").stdout)
    listed = json.loads(tailrace(up, "rejected", "list", "--json").stdout)
    assert listed == IsPartialDict(code="invalid_user_id", message=IsStr(regex=".*user_id.*"))
    await connection.close()

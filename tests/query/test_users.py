"""Users whose ids are strings, and ids that JavaScript would round: filtered and shown alike by every endpoint."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from runtime.log.client import LogClient
from runtime.settings import Settings
from runtime.user_key import stored_key
from tests.query.conftest import QueryService, events_of, running_query
from tests.support.command import running_command
from tests.support.projections import declare, running_projections, until_shown
from tests.support.projector import running_projector, until_projected

USERS = ("alice@shop.example", "123", 2**53, -(2**63), None)
PROJECTIONS = """
from tailrace import Count, Fold, Rollup


class Seen(Fold):
    version = 1
    events = ["*"]
    key = {"user_id": int}
    columns = {"events": int}

    def evolve(self, row, event):
        return {"events": (row["events"] if row else 0) + 1}


class ByUser(Rollup):
    version = 1
    events = ["*"]
    by = {"user": "user_id"}
    every = ["day"]
    events_counted = Count()
"""


@pytest.fixture
async def database(of_each_flavour: str) -> str:
    return of_each_flavour


async def rows(query: QueryService, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await query.http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows" if "projections" in path else "events"]
    return found


async def test_every_endpoint_finds_a_user_by_its_string_and_shows_large_ids_as_strings(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    folder = declare(tmp_path / "projections", PROJECTIONS, "users")
    settings = settings.model_copy(update={"projections": str(folder)})
    async with running_command(settings) as command:
        for user in USERS:
            await command.http.post("/events", json={"event_type": "x", "user_id": user})
    key = await stored_key(log)
    assert key is not None
    alice = str(key.hash("alice@shop.example"))
    shown = [alice, 123, str(2**53), str(-(2**63)), None]
    async with running_projector(settings) as task, running_projections(settings) as declared:
        await until_projected(connection, log, task)
        await until_shown(connection, ("seen", "by_user"), len(USERS), declared)
        async with running_query(settings) as query:
            assert {one["user_id"] for one in await rows(query, "/events")} == {*shown}
            async with query.socket("earliest") as socket:
                await socket.until("caught_up")
                assert [one["user_id"] for one in events_of(socket.frames)] == shown
            for asked, user in (("alice@shop.example", alice), (alice, alice), ("123", 123), (str(2**53), str(2**53))):
                assert [one["user_id"] for one in await rows(query, "/events", user_id=asked)] == [user]
                assert await rows(query, "/projections/seen", user_id=asked) == [{"user_id": user, "events": 1}]
                [total] = await rows(query, "/projections/by_user", where=f"user:{asked}")
                assert total == IsPartialDict(user=str(user), events_counted=1)
                async with query.socket("earliest", user_id=asked) as socket:
                    await socket.until("caught_up")
                    assert [one["user_id"] for one in events_of(socket.frames)] == [user]
                    assert await socket.say("filter", user_id=asked) == IsPartialDict(kind="state")
            sse = await query.http.get(
                "/sse", params={"from": "earliest", "until": "-0s", "user_id": "alice@shop.example"}
            )
            [frame] = [line for line in sse.text.splitlines() if '"kind":"events"' in line]
            [event] = json.loads(frame.removeprefix("data: "))["events"]
            assert event["user_id"] == alice
            assert (await rows(query, "/events", user_id="nobody")) == []


async def test_with_another_key_questions_about_strings_are_refused(
    log: LogClient, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "user.key"
    file.write_text("another key of some forty random characters")
    async with running_query(settings.model_copy(update={"user_key_file": str(file)})) as query:
        answer = await query.http.get("/events", params={"user_id": "alice"})
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            IsStr(regex="user_id: the key of user ids has .*"),
        )
        assert (await query.http.get("/events", params={"user_id": "5"})).status_code == 200
        assert (await query.http.get("/sse", params={"user_id": "alice"})).status_code == 422

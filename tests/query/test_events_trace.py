"""GET /events/{event_id}: an event is projected, parked, logged or unknown."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from dirty_equals import IsFloat, IsPartialDict, IsStr
from msgspec.structs import replace

from contracts.cursors import Cursor
from contracts.entries import Gap
from migrations.catalogue import get_live_model
from migrations.stream_metadata import new_epoch
from migrations.streams import ensure_streams
from projection.cutover import cut_over, roll_back
from projection.replay import replay
from query.events.models import FoundEvent
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.events import event, log_event, log_events, log_raw, some_events
from tests.support.events_endpoint import commit
from tests.support.log_damage import allow_deletes, delete_entries
from tests.support.projector import project, running_projector, until_projected
from tests.support.servers import NatsServer


async def project_without_a_service(log: LogClient, database: str) -> None:
    """Lets a test delete entries of the log, which a service would forbid again."""
    writer = await asyncpg.connect(database)
    state = await log.state()
    entries = [entry for seq in range(1, state.last_seq + 1) if (entry := await log.get(seq)) is not None]
    await commit(writer, await get_live_model(writer), entries, Cursor(state.epoch, 0))
    await writer.close()


async def trace(query: QueryService, event_id: UUID) -> dict[str, Any]:
    answer = await query.http.get(f"/events/{event_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    FoundEvent.model_validate(found, extra="forbid")
    return found


async def not_found(query: QueryService, event_id: UUID) -> str:
    answer = await query.http.get(f"/events/{event_id}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    return str(answer.json()["detail"])


async def place_of(log: LogClient, seq: int) -> dict[str, str]:
    entry = await log.get(seq)
    assert entry is not None
    return {"cursor": str(entry.cursor((await log.state()).epoch)), "logged_at": wire_of(entry.logged_at.isoformat())}


def wire_of(text: str) -> str:
    return text.replace("+00:00", "Z")


async def test_a_projected_event_has_its_place_in_the_log(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(5))
    wanted = events[2]
    # a duplicate long after the first entry: the first entry counts
    await log_event(log, event("click", 9, event_id=wanted.event_id), message_id="again")
    await project(settings, log, connection)
    place = await place_of(log, 3)
    assert await trace(query, wanted.event_id) == {
        "event_id": str(wanted.event_id),
        "state": "projected",
        "log": place,
        "event": {
            "cursor": place["cursor"],
            "event_id": str(wanted.event_id),
            "event_type": wanted.event_type,
            "user_id": wanted.user_id,
            "created_at": wire_of(wanted.created_at.isoformat()),
            "event_data": {"n": 2},
        },
        "parked": None,
        "as_of": {
            "cursor": (await place_of(log, 6))["cursor"],
            "revision": 0,
            "stale": False,
            "lag_events": 0,
            "lag_seconds": 0.0,
        },
    }
    page = (await query.http.get("/events")).json()
    assert (await trace(query, wanted.event_id))["event"] in page["events"]


async def test_a_parked_event_has_its_reason(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    one = replace(event("click"), event_version=9)
    await log_event(log, one)
    await project(settings, log, connection)
    found = await trace(query, one.event_id)
    assert found == IsPartialDict(state="parked", event=None, log=await place_of(log, 1))
    assert found["parked"] == IsPartialDict(code="unknown_version", reason=IsStr(regex=".*9.*click.*"))


async def test_an_event_that_is_not_projected_yet_is_found_in_the_log(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    [early] = await log_events(log, [event()])
    found = await trace(query, early.event_id)
    assert found == IsPartialDict(state="logged", event=None, parked=None, log=await place_of(log, 1))
    assert found["as_of"] == IsPartialDict(cursor=None, lag_events=1, lag_seconds=IsFloat(ge=0))
    await project(settings, log, connection)
    late = await log_events(log, some_events(4))
    await log_event(log, event("click", 9, event_id=late[2].event_id), message_id="again")
    found = await trace(query, late[2].event_id)
    assert found == IsPartialDict(state="logged", log=await place_of(log, 4))
    assert found["as_of"] == IsPartialDict(cursor=(await place_of(log, 1))["cursor"], lag_events=5)


async def test_an_unknown_event_is_404_with_the_extent_of_the_search(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    unknown = uuid4()
    assert await not_found(query, unknown) == (
        f"{unknown} is not in the read model, which is empty; the log has no later entries"
    )
    await log_events(log, some_events(3))
    await project(settings, log, connection)
    missing = f"{unknown} is not in the read model, which is at {(await place_of(log, 3))['cursor']}"
    assert await not_found(query, unknown) == f"{missing}; the log has no later entries"
    await log_raw(log, b"garbage")
    await log_events(log, some_events(3))
    assert await not_found(query, unknown) == (
        f"{missing}, nor in the 4 later entries of the log, which ends at sequence 7"
    )


async def test_an_incomplete_search_is_reported(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await log_events(log, some_events(12))
    monkeypatch.setattr("query.events.log_search.MAX_ENTRIES", 10)
    assert (await trace(query, events[9].event_id))["state"] == "logged"
    assert "nor in the next 10 entries of the log; 2 more entries were not searched because the projection lags" in (
        await not_found(query, events[10].event_id)
    )
    monkeypatch.setattr("query.events.log_search.MAX_SECONDS", 0)
    assert "nor in the next 0 entries of the log; 12 more" in await not_found(query, events[0].event_id)


async def test_a_search_skips_a_lost_entry_which_stays_projected(
    query: QueryService, log: LogClient, database: str
) -> None:
    await allow_deletes(log)
    events = await log_events(log, some_events(3))
    await project_without_a_service(log, database)
    await delete_entries(log, Gap(2, 2))
    assert await trace(query, events[1].event_id) == IsPartialDict(
        state="projected", log=None, event=IsPartialDict(cursor=IsStr(regex=".*:2:00000000"))
    )
    late = await log_events(log, some_events(4))
    await delete_entries(log, Gap(3, 5))  # including the entry at the read model's position
    assert await trace(query, late[3].event_id) == IsPartialDict(state="logged", log=await place_of(log, 7))
    assert "nor in the 2 later entries" in await not_found(query, late[0].event_id)


async def test_without_the_log_only_projected_events_are_found(
    own_nats_server: NatsServer, settings: Settings, connection: asyncpg.Connection
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    client = await connect_log(own, "test")
    await ensure_streams(client, own)
    one, parked = await log_events(client, [event(), replace(event("click"), event_version=9)])
    async with running_query(own) as query:
        await project(own, client, connection)
        parked_at = (await place_of(client, 2))["logged_at"]
        await client.close()
        await asyncio.to_thread(own_nats_server.kill)
        found = await trace(query, one.event_id)
        assert found == IsPartialDict(state="projected", as_of=IsPartialDict(lag_events=None))
        assert found["log"] == {"cursor": IsStr(regex=".*:1:00000000"), "logged_at": None}
        assert (await trace(query, parked.event_id))["log"] == IsPartialDict(logged_at=parked_at)
        answer = await query.http.get(f"/events/{uuid4()}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == IsStr(regex=".* is not in the read model, .*; the log, .* does not answer.*")


async def test_a_log_that_is_not_the_read_models_is_not_searched(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    one, later = event(), event()
    await log_event(log, one)
    await project(settings, log, connection)
    await new_epoch(log)
    await log_event(log, later)
    assert "; the log was not searched: the log's epoch is " in await not_found(query, later.event_id)
    assert (await trace(query, one.event_id))["state"] == "projected"


async def test_an_event_is_found_throughout_a_cutover(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    [one, *_] = await log_events(log, some_events(30))
    states: list[str] = []
    done = asyncio.Event()

    async def keep_asking() -> None:
        while not done.is_set():
            states.append((await trace(query, one.event_id))["state"])

    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
        asking = asyncio.create_task(keep_asking())
        for direction in ("cutover", "rollback", "cutover"):
            await (cut_over if direction == "cutover" else roll_back)(log, connection)
        done.set()
        await asking
    assert set(states) == {"projected"}
    # readers see the live model's ledger
    await connection.execute("delete from ledger_1.event_ids where event_id = $1", one.event_id)
    assert "is not in the read model" in await not_found(query, one.event_id)


@pytest.mark.parametrize("text", ["7", "not-a-uuid", "01998f3c-7c00-7000-8000-00000000000g"])
async def test_a_bad_id_is_named(query: QueryService, text: str) -> None:
    answer = await query.http.get(f"/events/{text}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json() == IsPartialDict(title="Bad parameter", detail=IsStr(regex="event_id: .*"))


async def test_openapi_describes_the_answer_with_a_valid_example(query: QueryService) -> None:
    described = (await query.http.get("/openapi.json")).json()
    operation = described["paths"]["/events/{event_id}"]["get"]
    assert set(operation["responses"]) == {"200", "404", "422", "503", "504"}
    [example] = FoundEvent.model_json_schema()["examples"]
    FoundEvent.model_validate(example, extra="forbid")
    assert FoundEvent.model_fields.keys() == example.keys()
    # the document omits nulls
    shown = {name: value for name, value in example.items() if value is not None}
    assert described["components"]["schemas"]["FoundEvent"]["examples"] == [shown]

"""The ledger: which entry counts for an event id, claimed once per epoch of the log and shared by all models."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import ConflictError, ForeignHistoryError
from contracts.upcasting import NO_UPCASTERS
from migrations.catalogue import Model, list_models
from migrations.stream_metadata import new_epoch
from projection.cutover import cut_over, drop_old
from projection.decode import decode
from projection.ledger import Ledger
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, some_events
from tests.support.projector import project, running_projector, running_with_candidate, until_projected, verifier
from tests.support.recount import read_model, recount_log
from verification.run import verify

MODEL = Model("model_1", "postgres", live=True, state="ready")


async def ledger_state(connection: "asyncpg.Connection", name: str = "ledger_1") -> list[object]:
    return [
        *await connection.fetch(f"select * from {name}.event_ids order by seq"),
        *await connection.fetch(f"select * from {name}.duplicates order by first_seq"),
        await connection.fetchrow(f"select * from {name}.ledger_position"),
    ]


async def log_with_duplicates(log: LogClient) -> None:
    events = list(some_events(40))
    await log_events(log, events)
    for number, one in enumerate(events[10:15]):
        await log_event(log, event(user_id=999, event_id=one.event_id), f"again-{number}")
    await log_events(log, some_events(10, seed=2))


async def test_a_candidate_shares_the_ledger_and_claims_nothing_again(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_with_duplicates(log)
    await project(settings, log, connection)
    before = await ledger_state(connection)
    assert [tuple(row) for row in await connection.fetch("select * from ledger_1.duplicates")] == [(41, 45)]
    assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
    assert await ledger_state(connection) == before
    assert {model.ledger for model in await list_models(connection)} == {"ledger_1"}
    for model in await list_models(connection):
        assert (await verify(log, connection, model=model)).differences == []


async def test_readers_see_no_claim_of_an_entry_that_the_live_model_has_not_projected(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    await project(settings, log, connection)
    await log_events(log, some_events(10, seed=2))
    assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
    assert await connection.fetchval("select count(*) from ledger_1.event_ids") == 30
    assert await connection.fetchval("select max(seq) from public.event_ids") == 20
    await project(settings, log, connection)
    assert await connection.fetchval("select count(*) from public.event_ids") == 30
    assert await read_model(connection) == await recount_log(log)


async def test_a_new_epoch_begins_a_ledger_and_the_old_one_goes_with_its_last_model(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_with_duplicates(log)
    await project(settings, log, connection)
    await new_epoch(log)
    assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
    assert [model.ledger for model in await list_models(connection)] == ["ledger_1", "ledger_2"]
    assert (await cut_over(log, connection, verifier(log, connection))).new.live
    assert await read_model(connection) == await recount_log(log)
    await drop_old(connection)
    schemas = await connection.fetch("select nspname from pg_namespace where nspname ~ '^(model|ledger)_' order by 1")
    assert [row[0] for row in schemas] == ["ledger_2", "model_2"]
    assert not await connection.fetchval("select exists (select from tailrace.migrations where scope = 'ledger_1')")
    async with running_projector(settings) as task:
        await log_events(log, some_events(5, seed=3))
        await until_projected(connection, log, task)
    assert (await verify(log, connection)).differences == []


async def test_a_ledger_stays_while_a_model_uses_it(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_with_duplicates(log)
    async with running_with_candidate(settings, log, connection):
        await drop_old(connection)
    assert (await verify(log, connection)).differences == []


@pytest.fixture
async def ledgers(connection: asyncpg.Connection, database: str) -> "list[Ledger]":
    await connection.execute(f"set search_path = {MODEL.search_path}")
    other = await asyncpg.connect(database, server_settings={"search_path": MODEL.search_path})
    return [Ledger(connection), Ledger(other)]


def entries_of(ids: list[int]) -> list[LogEntry]:
    form = '{{"event_id":"{}","event_type":"click","user_id":1,"created_at":"2026-03-01T00:00:00Z","event_data":{}}}'
    now = 1_772_400_000 * 10**9
    return [
        LogEntry(seq, now, "", form.format(UUID(int=number), "{}" if number % 5 else "[]").encode())
        for seq, number in enumerate(ids, start=1)
    ]


@given(
    ids=st.lists(st.integers(0, 12), min_size=1, max_size=30),
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=30),
)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_two_projectors_with_other_batches_find_the_same_duplicates(
    ledgers: list[Ledger], ids: list[int], sizes: list[tuple[int, int]]
) -> None:
    entries = entries_of(ids)
    [connection] = {ledgers[0].connection}
    await connection.execute(
        "truncate event_ids, duplicates; update ledger_position set epoch = '', seq = 0, fingerprint = ''"
    )
    expected = {seq for seq, number in enumerate(ids, start=1) if number in ids[: seq - 1]}

    async def run(ledger: Ledger, own_sizes: list[int]) -> set[int]:
        await ledger.position()
        found: set[int] = set()
        position, turn = Cursor("e", 0), 0
        while position.seq < len(entries):
            size = own_sizes[turn % len(own_sizes)]
            batch = decode(entries[position.seq : position.seq + size], NO_UPCASTERS)
            found |= await ledger.find_duplicates(batch, position)
            position, turn = batch.position("e"), turn + 1
        return found

    found = await asyncio.gather(run(ledgers[0], [one for one, _ in sizes]), run(ledgers[1], [two for _, two in sizes]))
    assert list(found) == [expected, expected]
    assert await run(ledgers[0], [3]) == expected


async def test_a_ledger_of_another_epoch_or_behind_the_model_is_refused(ledgers: list[Ledger]) -> None:
    entries = entries_of([1, 2, 3])
    ahead = decode([one._replace(seq=one.seq + 7) for one in entries], NO_UPCASTERS)
    with pytest.raises(ConflictError, match="the ledger is at log entry 0, behind the model at 7"):
        await ledgers[0].find_duplicates(ahead, Cursor("e", 7))
    await ledgers[0].find_duplicates(decode(entries, NO_UPCASTERS), Cursor("e", 0))
    later = decode([one._replace(seq=one.seq + 3) for one in entries], NO_UPCASTERS)
    with pytest.raises(ForeignHistoryError, match="the ledger belongs to the log e, not to f"):
        await ledgers[1].find_duplicates(later, Cursor("f", 3))

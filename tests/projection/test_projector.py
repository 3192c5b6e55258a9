"""The projector on a real log and a real database."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from dirty_equals import IsInt, IsPartialDict, IsStr

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LostEntriesError, SchemaError, TooManyParkedError
from contracts.events import encode_event
from contracts.subjects import LOG_STREAM
from contracts.upcasting import NO_UPCASTERS
from migrations.catalogue import Model
from projection.decode import decode
from projection.projector import Observer
from projection.store import PositionMovedError, Store
from projection.worker import project
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tests.support.events import BASE, event, log_event, log_events, log_raw, some_events
from tests.support.projector import running_projector, until_projected
from tests.support.recount import read_model, recount_log
from verification.run import verify

MODEL = Model("model_1", "postgres", live=True, state="ready")


async def test_rows_and_rollups_equal_a_recount_of_the_log(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(500))
    async with running_projector(settings.model_copy(update={"batch_size": 64})):
        await until_projected(connection, log)
        await log_events(log, some_events(100, seed=2))
        await until_projected(connection, log)
    assert await read_model(connection) == await recount_log(log)


@pytest.mark.parametrize("copy_from", [1, 10_000])
async def test_copied_batches_and_arrays_give_the_same_model(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    copy_from: int,
) -> None:
    monkeypatch.setattr("projection.store.COPY_FROM", copy_from)
    await log_events(log, some_events(200))
    await log_event(log, next(iter(some_events(1))), "a duplicate")
    async with running_projector(settings.model_copy(update={"batch_size": 40})):
        await until_projected(connection, log)
    assert await read_model(connection) == await recount_log(log)


async def test_an_event_id_counts_once_whatever_its_duplicates_contain(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    # other message ids: duplicates beyond the log's deduplication window
    first = event(created_at=BASE)
    await log_event(log, first)
    async with running_projector(settings):
        await log_event(log, event(created_at=BASE + timedelta(days=1), event_id=first.event_id), "retry-1")
        await until_projected(connection, log)
    async with running_projector(settings):
        await log_event(log, event(created_at=BASE + timedelta(days=2), event_id=first.event_id), "retry-2")
        await until_projected(connection, log)
    rows = await connection.fetch("select event_id, created_at, seq from analytics_events")
    assert [tuple(row) for row in rows] == [(first.event_id, BASE, 1)]
    assert await connection.fetchval("select sum(events) from events_by_day") == 1
    assert (await read_model(connection)) == (await recount_log(log))


async def test_a_duplicate_within_one_batch_counts_at_its_first_entry(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    one = event(user_id=1)
    await log_event(log, one)
    await log_event(log, event(user_id=2, event_id=one.event_id), "again")
    async with running_projector(settings):
        await until_projected(connection, log)
    assert [row["user_id"] for row in await connection.fetch("select user_id from analytics_events")] == [1]
    assert await connection.fetchval("select users from all_time where event_type = ''") == 1


async def test_an_unprojectable_event_is_parked_with_its_reason_and_the_others_are_projected(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    bad_id = uuid4()
    await log_events(log, some_events(20))
    await log_raw(log, b"\xff not even text")
    await log_raw(log, b'{"event_id":"%s","event_type":"x","user_id":"x"}' % str(bad_id).encode())
    await log_raw(log, b'{"nul \\u0000 in a name":1}')
    await log_events(log, some_events(20, seed=2))
    async with running_projector(settings):
        await until_projected(connection, log)
    parked = [dict(row) for row in await connection.fetch("select * from parked_events order by seq")]
    assert parked == [
        IsPartialDict(
            seq=21, event_id=None, code="invalid_json", reason=IsStr(min_length=5), payload=b"\xff not even text"
        ),
        IsPartialDict(
            seq=22, event_id=bad_id, code="invalid_user_id", reason=IsStr(regex="user_id: expected int.*got str")
        ),
        IsPartialDict(seq=23, event_id=None, code="unknown_field", reason=IsStr(min_length=5)),
    ]
    assert await read_model(connection) == await recount_log(log)


async def test_a_parked_event_holds_its_id_against_later_entries(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    one = event()
    await log_raw(log, b'{"event_id":"%s"}' % str(one.event_id).encode())
    async with running_projector(settings):
        await until_projected(connection, log)
        await log_event(log, one)
        await until_projected(connection, log)
    assert await connection.fetchval("select count(*) from analytics_events") == 0
    assert await connection.fetchval("select seq from ledger_1.event_ids where event_id = $1", one.event_id) == 1


@pytest.mark.parametrize("copy_from", [1, 10_000])
async def test_of_a_batch_only_the_event_that_the_database_refuses_is_parked(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    copy_from: int,
) -> None:
    monkeypatch.setattr("projection.store.COPY_FROM", copy_from)
    await connection.execute("alter table model_1.analytics_events add constraint no_13 check (user_id <> 13)")
    events = [event(user_id=number) for number in range(30)]
    await log_events(log, events)
    await log_event(log, event(user_id=99, event_id=events[13].event_id), "again")
    async with running_projector(settings):
        await until_projected(connection, log)
    assert await connection.fetchval("select count(*) from analytics_events") == 29
    parked = await connection.fetch("select seq, event_id, code, reason from parked_events")
    assert [dict(row) for row in parked] == [
        {"seq": 14, "event_id": events[13].event_id, "code": "database_refused", "reason": IsStr(regex=".*no_13.*")}
    ]
    assert (await verify(log, connection)).differences == []


async def test_too_many_parked_events_stop_the_projector(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    for number in range(12):
        await log_raw(log, b"garbage %d" % number)
    strict = settings.model_copy(update={"parked_stop_minimum": 10, "batch_size": 5})
    async with running_projector(strict) as task:
        with pytest.raises(TooManyParkedError, match=r"of the last .* log entries can't be projected"):
            await asyncio.wait_for(task, 10)
    assert await connection.fetchval("select count(*) from parked_events") == IsInt(ge=5, le=10)


async def test_a_second_projector_stands_by_and_takes_over(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    waiting_for_lock = "select count(*) from pg_stat_activity where application_name = 'tailrace-projection'"
    async with running_projector(settings):
        await log_events(log, some_events(10))
        await until_projected(connection, log)
        async with running_projector(settings) as second:
            async with asyncio.timeout(10):
                while await connection.fetchval(waiting_for_lock) < 2:
                    await asyncio.sleep(0.01)
            # of this database: another test's projector may still be ending in the server's other databases
            held = (
                "from pg_locks join pg_database on database = pg_database.oid"
                " where datname = current_database() and locktype = 'advisory' and granted"
            )
            assert await connection.fetchval(f"select count(*) {held}") == 1
            await connection.execute(f"select pg_terminate_backend(pid) {held}")
            await log_events(log, some_events(10, seed=2))
            await until_projected(connection, log, second)
    assert await read_model(connection) == await recount_log(log)


async def test_two_projectors_that_both_assume_to_be_active_never_count_twice(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, database: str
) -> None:
    await log_events(log, some_events(10))
    epoch = (await log.state()).epoch
    start = Cursor(epoch, 0)
    entries = await LogReader(log, start).read(10, 1)
    other = await asyncpg.connect(database, server_settings={"search_path": MODEL.search_path})
    await connection.execute(f"set search_path = {MODEL.search_path}")
    results = await asyncio.gather(
        Store(connection, MODEL).commit(decode(entries, NO_UPCASTERS), start),
        Store(other, MODEL).commit(decode(entries[:7], NO_UPCASTERS), start),
        return_exceptions=True,
    )
    assert sum(isinstance(result, PositionMovedError) for result in results) == 1
    position = await Store(connection, MODEL).position()
    assert position is not None
    if position.seq < 10:
        await Store(connection, MODEL).commit(decode(entries[position.seq :], NO_UPCASTERS), position)
    assert await read_model(connection) == await recount_log(log)
    await other.close()


async def test_the_projector_continues_after_the_database_closed_its_connection(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    async with running_projector(settings) as task:
        for seed in range(5):
            await log_events(log, some_events(40, seed))
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tailrace-projection'"
            )
        await until_projected(connection, log, task)
    assert await read_model(connection) == await recount_log(log)


async def test_a_database_error_that_no_event_causes_is_retried_and_parks_nothing(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await connection.execute("alter table ledger_1.event_ids rename to mislaid")
    await log_events(log, some_events(20))
    async with running_projector(settings) as task:
        async with asyncio.timeout(20):
            while "model_1 waits: relation" not in caplog.text:
                await asyncio.sleep(0.01)
        await connection.execute("alter table ledger_1.mislaid rename to event_ids")
        await until_projected(connection, log, task)
    assert await read_model(connection) == await recount_log(log)


async def test_an_unexpected_error_ends_the_projector_with_a_traceback(
    log: LogClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("state")

    monkeypatch.setattr("projection.projector.decode", broken)
    await log_event(log, event())
    async with running_projector(settings) as task:
        with pytest.raises(KeyError) as raised:
            await asyncio.wait_for(task, 30)
    assert broken.__name__ in {frame.name for frame in raised.traceback}


async def test_an_unexpected_error_during_the_stop_is_raised_too(
    log: LogClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, stop = asyncio.Event(), asyncio.Event()

    async def broken(*_: object) -> None:
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("state")

    monkeypatch.setattr(LogReader, "read", broken)
    task = asyncio.create_task(project(log, settings, NO_UPCASTERS, MODEL, stop, observer=Observer()))
    await asyncio.wait_for(reading.wait(), 30)
    stop.set()
    with pytest.raises(KeyError):
        await asyncio.wait_for(task, 30)


async def test_a_position_of_another_log_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    await connection.execute(
        "update model_1.projection_position set epoch = 'elsewhere', seq = 3, fingerprint = '00000000'"
    )
    async with running_projector(settings) as task:
        with pytest.raises(ForeignHistoryError, match="another log"):
            await asyncio.wait_for(task, 10)


async def test_a_log_created_again_while_projecting_is_noticed(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await log_events(log, some_events(5))
    async with running_projector(settings) as task:
        await until_projected(connection, log)
        config = (await log.stream_info(LOG_STREAM))["config"]
        await log.api(f"STREAM.DELETE.{LOG_STREAM}")
        await log.api(f"STREAM.CREATE.{LOG_STREAM}", {**config, "metadata": {"tailrace-epoch": "another"}})
        await log_events(log, some_events(9))
        with pytest.raises(ForeignHistoryError):
            await asyncio.wait_for(task, 20)
    assert await connection.fetchval("select count(*) from analytics_events") == 5


async def test_a_log_that_starts_after_the_models_position_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    config = (await log.stream_info(LOG_STREAM))["config"]
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    await log.api(f"STREAM.CREATE.{LOG_STREAM}", {**config, "deny_purge": False})
    await log_events(log, some_events(5))
    await log.api(f"STREAM.PURGE.{LOG_STREAM}", {"seq": 3})
    async with running_projector(settings) as task:
        with pytest.raises(LostEntriesError, match="begins at sequence 3"):
            await asyncio.wait_for(task, 10)


async def test_a_database_without_the_tables_is_refused_with_the_remedy(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute("drop schema tailrace cascade")
    async with running_projector(settings) as task:
        with pytest.raises(SchemaError, match="tailrace migrate"):
            await asyncio.wait_for(task, 10)


async def test_the_position_has_the_fingerprint_of_the_last_entry(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_event(log, event())
    async with running_projector(settings):
        await until_projected(connection, log)
    entry = await log.get(1)
    assert entry is not None
    row = await connection.fetchrow("select epoch, seq, fingerprint, logged_at from projection_position")
    assert Cursor(row["epoch"], row["seq"], row["fingerprint"]) == entry.cursor((await log.state()).epoch)
    assert row["logged_at"] == entry.logged_at
    assert entry.payload == encode_event(event(event_id=entry.event_id))

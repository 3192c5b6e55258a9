"""``verify`` accepts a correct model and names the differences of another."""

import json
import subprocess

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.errors import ForeignHistoryError
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.cli.verify import describe
from tests.support.events import BASE, event, log_event, log_events, log_raw, some_events
from tests.support.processes import run_tailrace
from tests.support.projector import merge_user_sets, running_projector, until_projected
from verification.receipt import Receipt
from verification.run import verify


@pytest.fixture
async def projected(log: LogClient, settings: Settings, connection: asyncpg.Connection) -> asyncpg.Connection:
    """A model of 200 events, 10 duplicates and 3 parked entries; only the database can refuse one of them."""
    await connection.execute("alter table model_1.analytics_events add constraint no_666 check (user_id <> 666)")
    sent = await log_events(log, some_events(199))
    await log_event(log, event(data='{"b":1.50,"a":[1e2,"\\u00e4"],"a":null}'))
    for number, one in enumerate(sent[:10]):
        await log_event(log, one, f"again-{number}")
    await log_raw(log, b"garbage")
    await log_raw(log, b'{"event_id":"%s"}' % str(event().event_id).encode())
    await log_event(log, event(user_id=666))
    async with running_projector(settings):
        await until_projected(connection, log)
    await merge_user_sets(settings.dsn)
    return connection


async def test_a_correct_model_is_verified_and_the_accounting_closes(
    log: LogClient, projected: asyncpg.Connection
) -> None:
    receipt = await verify(log, projected)
    assert receipt.differences == []
    assert receipt.log_digest == receipt.table_digest != "0" * 16
    assert (receipt.entries, receipt.events, receipt.duplicates, receipt.parked) == (213, 200, 10, 3)
    assert receipt.entries == receipt.events + receipt.duplicates + receipt.parked
    assert receipt.distinct_ids == 202
    assert receipt.by_type.total() == receipt.by_day.total() == 200


async def test_each_rollup_has_the_counts_and_the_digest_of_the_log(
    log: LogClient, projected: asyncpg.Connection
) -> None:
    receipt = await verify(log, projected)
    assert [*receipt.tables] == [
        "analytics_events",
        "events_by_minute",
        "events_by_hour",
        "events_by_day",
        "user_sets",
    ]
    for relation, (logged, kept) in receipt.tables.items():
        assert logged.total == kept.total != "0" * 16
        if relation != "user_sets":
            assert (kept.by_type, kept.by_day) == (receipt.by_type, receipt.by_day)
    assert len({kept.total for _, kept in receipt.tables.values()}) == 5
    shown = receipt.as_json()["tables"]["events_by_day"]
    assert shown["log"] == shown["table"] == IsPartialDict(first_day="2026-03-01", last_day="2026-03-04", events=200)
    said = describe(receipt)
    for relation, (logged, kept) in [*receipt.tables.items()][1:]:
        assert f"{relation:<18}log {logged.total}, model_1 {kept.total}" in said
    for event_type, events in receipt.by_type.items():
        assert f"by type           {f'{events:>12,}' * 5}  {event_type}" in said


async def test_what_is_spilled_to_a_file_is_compared_like_the_rest(
    log: LogClient, projected: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await verify(log, projected)
    monkeypatch.setattr("verification.user_recount.SPILL", 7)
    monkeypatch.setattr("verification.recount.READ", 5)
    assert (await verify(log, projected)).as_json() == whole.as_json()


async def test_an_empty_model_is_verified(log: LogClient, connection: asyncpg.Connection) -> None:
    assert (await verify(log, connection)).differences == []


async def test_the_receipt_reflects_the_models_position_while_the_log_grows(
    log: LogClient, projected: asyncpg.Connection
) -> None:
    await log_events(log, some_events(50, seed=2))
    receipt = await verify(log, projected)
    assert receipt.differences == []
    assert receipt.entries == 213


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the wait, because the pending events of a test are never refreshed."""
    monkeypatch.setattr("verification.run.REFRESH_TIMEOUT", 0.0)


async def tampered(log: LogClient, connection: asyncpg.Connection, statement: str) -> Receipt:
    await connection.execute(f"set search_path = model_1, ledger_1; {statement}; reset search_path")
    return await verify(log, connection)


ROW = "analytics_events, event .*: "
ID = "event_ids, event .*: "
FIRST = "ctid = (select min(ctid) from"
TAMPERED = [
    ("update analytics_events set event_data = '{}' where seq = 7", ROW + "the row is not what log entry 7 says"),
    ("update analytics_events set user_id = user_id + 1 where seq = 7", ROW + "the row is not what log entry 7 says"),
    ("update analytics_events set event_type = 'other' where seq = 7", ROW + "the row .*log entry 7.*"),
    ("delete from analytics_events where seq = 9", ROW + "the row of log entry 9 is missing"),
    (
        "insert into analytics_events select gen_random_uuid(), event_type, user_id, created_at, event_data, 5"
        " from analytics_events where seq = 5",
        ROW + r"the table has a row \(log entry 5\) that the log does not ask for here",
    ),
    ("insert into duplicates values (7, 8)", "duplicates: log entry 7 is recorded, but it is the first with its id"),
    ("delete from duplicates", r"duplicates: log entry \d+ repeats an id and is not recorded"),
    ("delete from event_ids where seq = 11", ID + "the id of log entry 11 is missing"),
    (
        "update event_ids set seq = 3000 where seq = 11",
        ID + "it is claimed for log entry 3000, but log entry 11 counts",
    ),
    (
        "insert into event_ids values (gen_random_uuid(), 207)",
        ID + "it is claimed for log entry 207, but .* no such id",
    ),
    ("insert into event_ids values (gen_random_uuid(), 7)", "event_ids: log entry 7 is claimed for two ids, .*"),
    ("update event_ids set seq = 201 where seq = 1", ID + "it is claimed for log entry 201, but log entry 1 counts"),
    (
        f"update events_by_minute set events = events + 1 where {FIRST} events_by_minute)",
        r"events_by_minute, 2026-03-0\d.*: it says .* events, the rows are .*",
    ),
    (f"delete from events_by_hour where {FIRST} events_by_hour)", "events_by_hour, .*: it says 0 events, .*"),
    (f"update events_by_day set events = 0 where {FIRST} events_by_day)", "events_by_day, .*: it says 0 events, .*"),
    ("delete from user_sets where level = 2", r"user_sets, hour 2026-03-0.*: user \d+ is missing"),
    ("delete from user_sets where level = 3 and event_type = 'click'", r"user_sets, quarter hour .* click: user .*"),
    (
        "update user_sets set users = users + 1 where level = 1",
        r"user_sets, day 2026-.*: it says \d+ users and has \d+",
    ),
    (
        "update user_sets set members = (select members from user_sets where level = 0 and event_type = '')"
        " where level = 0 and event_type = 'click'",
        r"user_sets, all time click: user \d+ is there, but not in the log",
    ),
    (
        "insert into user_sets select 1, bucket + 864000, event_type, users, members from user_sets where level = 1",
        r"user_sets, day 2026-03-1.*: user \d+ is there, but not in the log",
    ),
    (
        r"insert into set_log (seq, events, event_types, packed)"
        r" values (1, 1, '{click}', '\x010000000000000005000000')",
        r"user_sets, day 1970-01-01.* click: user \d+ is there, but not in the log",
    ),
    (
        "insert into late_ranges values ('2026-03-01 12:00Z', 3, 1)",
        "late_ranges: 3 late events are not in the aggregates yet.*",
    ),
    ("update all_time set users = users + 1 where event_type = ''", "all_time, all types: it says 200 events of .*"),
    ("update all_time set events = events + 1 where event_type = 'click'", "all_time, click: it says .* events of .*"),
    ("delete from users where user_id = (select min(user_id) from users)", "users: user 0 is missing"),
    ("update users set user_id = 777 where user_id = 0", "users: user 0 is missing"),
    (
        "update users set ordinal = 1 where ordinal = 2",
        r"users: the users \d+ and \d+ have the same ordinal, 1",
    ),
    (
        "update events_by_minute set bucket = bucket + interval '1 second' where bucket = "
        "(select min(bucket) from events_by_minute)",
        "events_by_minute, .*: it says 0 events, the rows are .*",
    ),
    ("insert into events_by_day values ('2026-05-01Z', 'click', 0)", "events_by_day, 2026-05-01.* click: it says 0 .*"),
    (
        "insert into parked_events select 7, event_id, 'before_retention', '', '', now() from event_ids where seq = 7",
        "parked_events: log entry 7 is there, but nothing is wrong with it",
    ),
    (
        "delete from parked_events where code = 'invalid_json'",
        "parked_events: log entry 211 can't be projected and is not there",
    ),
]


@pytest.mark.parametrize(("statement", "named"), TAMPERED)
async def test_a_changed_row_is_named(
    log: LogClient, projected: asyncpg.Connection, statement: str, named: str
) -> None:
    receipt = await tampered(log, projected, statement)
    assert any(difference == IsStr(regex=named) for difference in receipt.differences), receipt.differences


async def test_a_model_of_another_log_cannot_be_verified(log: LogClient, projected: asyncpg.Connection) -> None:
    await projected.execute("update model_1.projection_position set epoch = 'elsewhere'")
    with pytest.raises(ForeignHistoryError):
        await verify(log, projected)


async def test_the_command_prints_the_receipt_and_fails_if_anything_differs(
    log: LogClient, settings: Settings, projected: asyncpg.Connection
) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_tailrace(settings, "verify", *arguments)

    good = run()
    assert good.returncode == 0, good.stderr
    assert "= 200 events + 10 duplicates + 3 parked" in good.stdout
    assert f"{BASE.date().isoformat()}" in good.stdout
    await projected.execute("delete from ledger_1.event_ids where seq = 11")
    bad = run("--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout) == IsPartialDict(
        entries=213, events=200, differences=[IsStr(regex=r"event_ids, event .*: the id of log entry 11 is missing")]
    )

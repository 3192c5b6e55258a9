"""The recount of a rollup agrees with what the worker projected, and names what differs."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from contracts.events import Event
from migrations.projections import DeclaredModel
from projection.declared.rollup_users import RollupUsers
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.declared import RollupDefinition, decode_definition
from tailrace.declared.values import as_number, as_text
from tests.support.events import BASE, event, log_event, log_events, log_raw
from tests.support.projections import declare, live, running_projections, until_shown
from tests.support.projector import running_projector
from verification.rollup_values import number_of, read_data, text_of, value_at
from verification.rollups import RollupReceipt, verify_rollup

SALES = """
from tailrace import Count, Max, Min, Rollup, Sum, Users

class Sales(Rollup):
    version = 1
    events = ["order.*"]
    by = {"country": "event_data.country", "kind": "event_type"}
    every = ["hour", "day"]
    limit = 5
    orders, total, buyers = Count(), Sum("event_data.total"), Users()
    least, most = Min("event_data.total"), Max("event_data.total")
"""


def orders(count: int) -> Iterator[Event]:
    chance = random.Random(1)
    totals = ("null", '"1"', "7", "0.10", "-1E+3", "123456789012345678901234567890.5")
    for _ in range(count):
        kind = chance.choice(("order.completed", "order.paid", "page_view"))
        country = chance.choice(('"DE"', '"FR"', "null", "1.0", "1", "[]", f'"{"ä" * 200}"'))
        data = f'{{"country":{country},"total":{chance.choice(totals)}}}'
        yield event(kind, chance.randrange(30), BASE + timedelta(minutes=chance.randrange(4_000)), data)


@pytest.fixture
async def database(of_each_flavour: str) -> str:
    return of_each_flavour


@pytest.fixture
async def projected(
    settings: Settings, log: LogClient, connection: asyncpg.Connection, tmp_path: Path
) -> DeclaredModel:
    """A live rollup of orders, some of them logged twice."""
    folder = declare(tmp_path / "projections", SALES)
    sent = await log_events(log, orders(300))
    await log_raw(log, b"{}")
    await log_event(log, sent[0], "again")
    # claimed by a type that the rollup does not read
    await log_event(
        log, event("order.paid", event_id=next(one.event_id for one in sent if one.event_type[0] == "p")), "2"
    )
    settings = settings.model_copy(update={"projections": str(folder)})
    async with running_projector(settings), running_projections(settings) as task:
        await until_shown(connection, ["sales"], (await log.state()).last_seq, task)
    return await live(connection, "sales")


async def verified(log: LogClient, connection: asyncpg.Connection, model: DeclaredModel) -> RollupReceipt:
    return await verify_rollup(log, connection, model)


async def test_a_rollup_agrees_with_its_recount_before_and_after_its_users_are_merged(
    log: LogClient, connection: asyncpg.Connection, projected: DeclaredModel
) -> None:
    receipt = await verified(log, connection, projected)
    assert receipt.differences == []
    assert receipt.position.seq == (await log.state()).last_seq
    assert receipt.events == await connection.fetchval("select sum(orders)::int from sales where level = 'day'")
    assert receipt.cells == await connection.fetchval("select count(*) from sales")
    assert await connection.fetchval("select bool_or(other) from sales")
    definition = decode_definition(projected.definition)
    assert isinstance(definition, RollupDefinition)
    await RollupUsers(projected.tables, definition).merge(connection)
    assert (await verified(log, connection, projected)).differences == []


ORDINAL_0 = BitMap([0]).serialize().hex()
DAMAGE = [
    ("cells_day", "update cells_day set orders = orders + 1 where country = 'DE'", "orders is "),
    ("cells_hour", "update cells_hour set total = total + 0.01", "total is "),
    ("cells_hour", "update cells_hour set most = null where most is not null", "most is null, the log says "),
    ("cells_day", "delete from cells_day where other", "other: it is missing"),
    (
        "cells_hour",
        "insert into cells_hour select bucket, other, 'XX', kind, 1, 0 from cells_hour limit 1",
        "no such ev",
    ),
    ("set_log", "update set_log set cells = decode('90', 'hex')", "is missing"),
    (
        "members",
        f"insert into members values ('day', '2026-03-01Z', '', false, 'XX', 'x', 1, '\\x{ORDINAL_0}')",
        "is there, but not in the log",
    ),
    (
        "members",
        f"insert into members values ('day', '2026-03-01Z', '', false, 'XX', 'x', 2, '\\x{ORDINAL_0}')",
        "it says 2 users and has 1",
    ),
]


async def test_damage_is_named(log: LogClient, connection: asyncpg.Connection, projected: DeclaredModel) -> None:
    await connection.execute(f"set search_path = {projected.schema}")
    for table, statement, difference in DAMAGE:
        await connection.execute(f"create temporary table saved as table {table}; {statement}")
        receipt = await verified(log, connection, projected)
        assert difference in " ".join(receipt.differences), (statement, receipt.differences)
        assert all(text.startswith(("sales, ", "cells_", "members ")) for text in receipt.differences)
        await connection.execute(f"truncate {table}; insert into {table} table saved; drop table saved")
    assert (await verified(log, connection, projected)).differences == []


numbers = st.decimals(allow_nan=False, allow_infinity=False).filter(lambda one: abs(one.adjusted()) < 300)
values = st.one_of(st.none(), st.booleans(), st.integers(), numbers, st.text(), st.just([]), st.just({}))


@given(values)
def test_values_are_read_as_the_projector_reads_them(value: Any) -> None:
    text = str(value) if isinstance(value, Decimal) else json.dumps(value)
    one = event(data=f'{{"x":{{"y":[{text}]}}}}')
    found = value_at(one, read_data(one), "event_data.x.y.0")
    assert text_of(found) == as_text(value)
    number = as_number(value)
    assert number_of(found) == (None if number is None else Fraction(number))

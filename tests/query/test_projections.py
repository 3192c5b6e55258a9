"""GET /projections and GET /projections/{name}: rows of declared projections, exact for the position they name.

Rollups are compared with a naive recount of the same events, in the database of either flavour.
"""

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.query.conftest import QueryService, running_query
from tests.support.api_documents import check_response
from tests.support.events import BASE, event, log_event, log_events
from tests.support.projections import (
    SHOP_NAMES,
    declare,
    naive_carts,
    naive_last_seen,
    running_projections,
    until_shown,
)
from tests.support.projector import running_projector
from tests.support.servers import NatsServer
from tests.support.stats_endpoint import floor, rfc3339

SALES = '''
from datetime import datetime
from tailrace import Count, Fold, Max, Min, Rollup, Sql, Sum, Users

class Sales(Rollup):
    version = 1
    events = ["order.*"]
    by = {"country": "event_data.country", "plan": "event_data.plan"}
    every = ["minute", "hour", "day"]
    orders, total, buyers = Count(), Sum("event_data.total"), Users(every="hour")
    least, most = Min("event_data.total"), Max("event_data.total")

class Few(Rollup):
    version = 1
    events = ["order.*"]
    by = {"country": "event_data.country"}
    every = ["day"]
    limit = 2
    orders, buyers = Count(), Users()

class Kinds(Sql):
    version = 1
    events = [">"]
    tables = """create table kinds (event_type text primary key, events bigint not null, share double precision,
                "at" timestamptz, data jsonb, id uuid)"""
    apply = """insert into kinds
               select event_type, count(*), 0.5, max(created_at), '{"a":[1]}', min(event_id::text)::uuid from batch
               group by event_type
               on conflict (event_type) do update set events = kinds.events + excluded.events,
                   "at" = greatest(kinds."at", excluded."at"), id = least(kinds.id, excluded.id)"""
'''
COUNTRIES = ("DE", "FR", "", None, 1, True)


class Shop(NamedTuple):
    """A query service over projections of ``sent`` events."""

    query: QueryService
    sent: list[Event]
    settings: Settings

    async def rows(self, name: str, **question: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask(name, **question))["rows"]
        return found

    async def ask(self, name: str, **question: Any) -> dict[str, Any]:
        answer = await self.query.http.get(f"/projections/{name}", params=question)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
        return found

    async def refused(self, name: str, **question: Any) -> str:
        answer = await self.query.http.get(f"/projections/{name}", params=question)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return f"{answer.status_code} {answer.json()['detail']}"


def orders(count: int, seed: int = 1) -> list[Event]:
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        data: dict[str, Any] = {"plan": chance.choice(("basic", "pro"))}
        if chance.random() < 0.9:
            data["country"] = chance.choice(COUNTRIES)
        text = json.dumps(data)[:-1] + chance.choice(
            ("}", ',"total":"9"}', ',"total":12}', ',"total":0.10}', ',"total":-1e2}')
        )
        at = BASE + timedelta(seconds=chance.randrange(3 * 86_400))
        kind = chance.choice(("order.completed", "order.paid", "cart.added", "page_view"))
        found.append(event(kind, chance.randrange(20), at, text))
    return found


@pytest.fixture
async def database(of_each_flavour: str) -> str:
    return of_each_flavour


@pytest.fixture
def settings(nats_server: NatsServer, database: str, tmp_path: Path) -> Settings:
    folder = declare(declare(tmp_path / "projections"), SALES, "sales")
    return Settings(nats_url=nats_server.url, database=database, query_port=free_port(), projections=str(folder))


@pytest.fixture
async def shop(settings: Settings, log: LogClient, connection: asyncpg.Connection) -> AsyncIterator[Shop]:
    sent = await log_events(log, orders(400))
    await log_event(log, sent[0], "again")
    names = (*SHOP_NAMES[1:], "sales", "few", "kinds")
    async with running_projector(settings), running_projections(settings) as task, running_query(settings) as query:
        await until_shown(connection, names, (await log.state()).last_seq, task)
        yield Shop(query, sent, settings)


def of_sales(sent: Sequence[Event]) -> list[tuple[datetime, str | None, str, Decimal | None, int | None]]:
    """Returns time, country, plan, total and user of each order."""
    found = []
    for one in sent:
        if one.event_type.startswith("order."):
            data = json.loads(bytes(one.event_data), parse_float=Decimal)
            country, total = data.get("country"), data.get("total")
            text = None if country is None else "true" if country is True else str(country)
            number = None if total is None or isinstance(total, str) else Decimal(total)
            found.append((one.created_at, text, data["plan"], number, one.user_id))
    return found


def recount(
    sent: Sequence[Event], start: datetime, end: datetime, bucket: str | None, by: Sequence[str], *, users: bool = True
) -> dict[Any, dict[str, Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for at, country, plan, total, user in of_sales(sent):
        if start <= at < end:
            values = {"country": country, "plan": plan}
            key = ((rfc3339(floor(at, bucket)),) if bucket else ()) + tuple(values[name] for name in by)
            groups[key].append((total, user))
    found = {}
    for key, members in groups.items():
        totals = [total for total, _ in members if total is not None]
        found[key] = {
            "orders": len(members),
            "total": sum(totals),
            "buyers": len({user for _, user in members}) if users else None,
            "least": min(totals, default=None),
            "most": max(totals, default=None),
        }
    return found


def keyed(rows: list[dict[str, Any]], keys: Sequence[str]) -> dict[Any, dict[str, Any]]:
    return {tuple(row.pop(key) for key in keys): row for row in rows}


FIRST, LAST = BASE - timedelta(days=1), BASE + timedelta(days=5)


@pytest.mark.timeout(240)
async def test_rollups_and_rows_equal_a_naive_recount(shop: Shop) -> None:
    chance = random.Random(3)
    for bucket in (None, "minute", "hour", "day", "week", "month"):
        for by in (["country", "plan"], ["plan"], []):
            keys = (["bucket"] if bucket else []) + by
            question = {"by": by or "", "limit": 10_000} | ({"bucket": bucket} if bucket else {})
            found = keyed(await shop.rows("sales", **question), keys)
            assert found == recount(shop.sent, FIRST, LAST, bucket, by, users=bucket != "minute"), question
    for seconds in (60, 3_600, 86_400) * 3:
        start, end = sorted(
            floor(BASE + timedelta(seconds=chance.randrange(4 * 86_400) // seconds * seconds), "minute") for _ in "12"
        )
        if start == end:
            continue
        whole = {"from": rfc3339(start), "to": rfc3339(end)}
        hours = all(time.minute == 0 for time in (start, end))
        assert keyed(await shop.rows("sales", **whole), ["country", "plan"]) == recount(
            shop.sent, start, end, None, ["country", "plan"], users=hours
        )
    carts = await shop.rows("cart", limit=100)
    assert {row["user_id"]: (row["items"], datetime.fromisoformat(row["since"])) for row in carts} == naive_carts(
        shop.sent
    )
    seen = await shop.rows("last_seen")
    assert {row["user_id"]: datetime.fromisoformat(row["at"]) for row in seen} == naive_last_seen(shop.sent)
    assert [row["user_id"] for row in seen] == sorted(row["user_id"] for row in seen)
    await check_the_rest(shop)


async def check_the_rest(shop: Shop) -> None:
    await check_filters(shop)
    await check_order(shop)
    await check_other(shop)
    await check_columns(shop)
    await check_refusals(shop)
    await check_list(shop)


async def check_filters(shop: Shop) -> None:
    everything = recount(shop.sent, FIRST, LAST, None, ["country", "plan"])
    for where, countries in (("country:DE", ["DE"]), ("country:", [""]), ("country", [None]), ("country:1", ["1"]),
                             (["country", "country:true"], [None, "true"])):  # fmt: skip
        rows = await shop.rows("sales", where=where)
        assert keyed(rows, ["country", "plan"]) == {key: row for key, row in everything.items() if key[0] in countries}
    rows = await shop.rows("sales", where=["country:DE", "country:FR", "plan:pro"], by="plan")
    [row] = rows
    assert row["orders"] == sum(
        row["orders"] for key, row in everything.items() if key in (("DE", "pro"), ("FR", "pro"))
    )
    assert row["buyers"] == len(
        {user for _, country, plan, _, user in of_sales(shop.sent) if country in ("DE", "FR") and plan == "pro"}
    )


async def check_order(shop: Shop) -> None:
    everything = await shop.rows("sales")
    for order in ("orders", "-orders", "-buyers", "buyers"):
        name = order.removeprefix("-")
        rows = await shop.rows("sales", order=[order, "plan", "-country"], limit=5)
        values = sorted((row[name] for row in everything), reverse=order.startswith("-"))
        assert [row[name] for row in rows] == values[:5]
        assert (await shop.ask("sales", order=order, limit=5))["more"] is True
    assert (await shop.ask("sales"))["more"] is False
    countries = [row["country"] for row in everything]
    assert countries == sorted(countries, key=lambda text: (text is None, text or ""))
    largest = [row["items"] for row in await shop.rows("cart", order="-items")]
    assert largest == sorted(largest, reverse=True)


async def check_other(shop: Shop) -> None:
    days: dict[Any, list[str | None]] = defaultdict(list)
    expected: dict[Any, list[int | None]] = defaultdict(list)
    for at, country, _, _, user in of_sales(shop.sent):
        seen = days[at.date()]
        if country not in seen and len(seen) < 2:
            seen.append(country)
        expected[country if country in seen else "other"].append(user)
    answer = await shop.ask("few")
    assert answer["limit_reached"] is True
    assert {
        "other" if "other" in row else row["country"]: (row["orders"], row["buyers"]) for row in answer["rows"]
    } == {key: (len(users), len(set(users))) for key, users in expected.items()}
    assert [row.get("other") for row in answer["rows"]].index(True) == len(answer["rows"]) - 1
    [total] = await shop.rows("few", by="")
    assert total["orders"] == len(of_sales(shop.sent))
    assert (await shop.ask("sales"))["limit_reached"] is False


async def check_columns(shop: Shop) -> None:
    [cart] = await shop.rows("cart", user_id=7)
    assert cart == IsPartialDict(user_id=7)
    assert await shop.rows("cart", user_id=-7) == []
    [kind] = await shop.rows("kinds", event_type="page_view")
    viewed = [one for one in shop.sent if one.event_type == "page_view"]
    assert kind == {
        "event_type": "page_view",
        "events": len(viewed),
        "share": Decimal("0.5"),
        "at": rfc3339(max(one.created_at for one in viewed)),
        "data": {"a": [1]},
        "id": str(min(str(one.event_id) for one in viewed)),
    }
    assert len(await shop.rows("kinds", at=kind["at"], share="0.5")) == 1


async def check_refusals(shop: Shop) -> None:
    for name, question, refusal in (
        ("carts", {}, "404 'carts' is not a projection: GET /projections lists them"),
        ("users", {}, "404 'users' is not a projection"),
        ("A'b", {}, "404 \"A'b\" is not the name of a projection"),
        ("sales", {"by": "city"}, "422 by: 'city' is not one of country, plan"),
        ("sales", {"where": "city:B"}, "422 where: 'city' is not one of country, plan"),
        ("sales", {"order": "-city"}, "422 order: 'city' is not one of country, plan, orders, total, buyers, least"),
        ("sales", {"order": "bucket"}, "422 order: 'bucket' is not one of"),
        ("sales", {"country": "DE"}, "422 country: unknown parameter; filter a rollup with where=country:value"),
        ("sales", {"bucket": "year"}, "422 bucket: input should be 'minute', 'hour', 'day', 'week' or 'month'"),
        ("sales", {"from": "yesterday"}, "422 from: expected RFC 3339 with a zone"),
        ("sales", {"limit": 0}, "422 limit: input should be greater than or equal to 1"),
        ("sales", {"from": "2026-03-01T12:00:01Z"}, "422 from: 2026-03-01T12:00:01Z is within a minute"),
        ("few", {"to": "2026-03-02T05:00:00Z"}, "422 to: 2026-03-02T05:00:00Z is within a day, the shortest buckets "
         "that are kept (UTC): request 2026-03-02T00:00:00Z or 2026-03-03T00:00:00Z"),
        ("few", {"bucket": "hour"}, "422 bucket: few keeps no buckets per hour; possible are day, week, month"),
        ("few", {"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"}, "422 'to' must be later than 'from'"),
        ("cart", {"where": "user_id:1"}, "422 where: cart is not a rollup; filter by its columns"),
        ("cart", {"items": "x"}, "422 a value does not fit its column: invalid input syntax for type bigint"),
        ("sales", {"where": "country:\0"}, "422 a value does not fit its column: invalid byte sequence"),
        ("cart", {"colour": "red"}, "422 colour: 'colour' is not one of user_id, items, since"),
        ("cart", {"user_id": ["1", "2"]}, "422 user_id: it is given twice"),
        ("sales", {"min_cursor": "000000000000:1:89abcdef01234567"}, "409 min_cursor: 000000000000:1:89"),
    ):  # fmt: skip
        found = await shop.refused(name, **question)
        assert found.startswith(refusal), found


async def check_list(shop: Shop) -> None:
    answer = await shop.query.http.get("/projections")
    document = (await shop.query.http.get("/openapi.json")).json()
    check_response(document, "/projections", "get", answer)
    check_response(document, "/projections/{name}", "get", await shop.query.http.get("/projections/sales?bucket=day"))
    check_response(document, "/projections/{name}", "get", await shop.query.http.get("/projections/nothing"))
    listed = {one["name"]: one for one in answer.json()["projections"]}
    assert list(listed) == ["cart", "few", "kinds", "last_seen", "pages", "revenue", "sales"]
    assert listed["sales"] == IsPartialDict(
        kind="rollup", version=1, state="live", error=None, lag_events=0, dimensions=["country", "plan"],
        measures=["orders", "total", "buyers", "least", "most"], buckets=["minute", "hour", "day"], columns=[],
    )  # fmt: skip
    assert listed["pages"] == IsPartialDict(
        kind="rollup", version=1, state="live", error=None, lag_events=0, dimensions=["path", "event_type"],
        measures=["events", "visitors"], buckets=["day"], columns=[],
    )  # fmt: skip
    assert listed["cart"] == IsPartialDict(kind="fold", dimensions=[], columns=["user_id", "items", "since"])
    assert listed["kinds"] == IsPartialDict(kind="sql", columns=[])


async def test_relative_times_start_at_a_bucket_that_is_kept(shop: Shop, log: LogClient) -> None:
    now = datetime.now(UTC)
    await log_event(log, event("order.completed", 1, now - timedelta(minutes=5), '{"country":"now","plan":"pro"}'))
    state = await log.state()
    cursor = (await log.get(state.last_seq)).cursor(state.epoch)  # type: ignore[union-attr]
    rows = await shop.rows("few", **{"from": "-1d", "min_cursor": str(cursor)})
    assert [(row["country"], row["orders"]) for row in rows] == [("now", 1)]
    assert await shop.rows("few", to="-1d", where="country:now") == []


async def test_an_answer_waits_for_its_position_and_names_it(shop: Shop, log: LogClient) -> None:
    before = await shop.ask("cart")
    stored = await log_event(log, event("cart.added", 99))
    entry = await log.get(stored.seq)
    assert entry is not None
    cursor = str(entry.cursor((await log.state()).epoch))
    answer = await shop.ask("cart", user_id=99, min_cursor=cursor)
    assert [row["items"] for row in answer["rows"]] == [1]
    assert answer["as_of"] == IsPartialDict(cursor=cursor, lag_events=0)
    assert before["as_of"]["cursor"] != cursor

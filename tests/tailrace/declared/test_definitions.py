"""A projection is checked where it is declared: errors name the class, the attribute and what is allowed."""

import re
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import new_class
from typing import Any, Optional, cast

import pytest

from query.stats.question import StatsQuestion
from tailrace import Count, Fold, Key, Max, Min, Rollup, Sql, Sum, Users
from tailrace.declared import (
    Column,
    DefinitionError,
    FoldDefinition,
    KeyField,
    Measure,
    Projection,
    RollupDefinition,
    SqlDefinition,
    decode_definition,
    encode_definition,
)
from tailrace.declared.names import BUILT_IN

ROOT = Path(__file__).parents[3]


class Revenue(Rollup):
    """Orders and revenue by country."""

    version = 1
    events = ["order.completed"]
    by = {"country": "event_data.country"}
    every = ["day", "hour"]
    orders, cents, buyers = Count(), Sum("event_data.amount.cents"), Users()
    least, most = Min("event_data.amount.cents"), Max("event_data.amount.cents")


class Cart(Fold):
    version = 2
    events = ["cart.*", "checkout.completed", "cart.*"]
    key = {"user_id": int, "cart": Key("event_data.cart.id", str)}
    columns = {"items": int, "since": datetime, "total": Decimal | None, "note": Optional[str]}  # noqa: UP045

    def evolve(self, row: Any, event: Any) -> Any:
        return row


class LastSeen(Sql):
    version = 1
    events = ["*"]
    tables = "create table if not exists last_seen (user_id bigint primary key); create index on last_seen (user_id);"
    apply = "-- now() in a comment\ninsert into last_seen select user_id from batch where event_type <> 'now()';"


def test_a_rollup_is_defined_as_data() -> None:
    assert Revenue.definition() == RollupDefinition(
        "revenue",
        1,
        ("order.completed",),
        {"country": "event_data.country"},
        ("hour", "day"),
        {
            "orders": Measure("count"),
            "cents": Measure("sum", "event_data.amount.cents"),
            "buyers": Measure("users", every="day"),
            "least": Measure("min", "event_data.amount.cents"),
            "most": Measure("max", "event_data.amount.cents"),
        },
        10_000,
    )
    assert [Revenue.definition().keeps("buyers", level) for level in ("hour", "day")] == [False, True]
    assert [Revenue.definition().keeps("orders", level) for level in ("hour", "day")] == [True, True]


def test_a_fold_is_defined_as_data() -> None:
    assert Cart.definition() == FoldDefinition(
        "cart",
        2,
        ("cart.*", "checkout.completed"),
        "Cart",
        {"user_id": KeyField("user_id", "int"), "cart": KeyField("event_data.cart.id", "str")},
        {
            "items": Column("int", False),
            "since": Column("datetime", False),
            "total": Column("decimal", True),
            "note": Column("str", True),
        },
    )


def test_statements_are_defined_as_data_and_a_single_star_is_every_type() -> None:
    definition = LastSeen.definition()
    assert isinstance(definition, SqlDefinition)
    assert (definition.name, definition.events) == ("last_seen", (">",))
    assert definition.apply[0].endswith("<> 'now()'")


@pytest.mark.parametrize("projection", [Revenue, Cart, LastSeen])
def test_a_stored_definition_is_read_back(projection: type[Projection]) -> None:
    definition = projection.definition()
    assert decode_definition(encode_definition(definition)) == definition


@pytest.mark.parametrize(
    ("class_name", "name"),
    [("HTTPRequests", "http_requests"), ("Top10Pages", "top10_pages"), ("carts", "carts"), ("A", "a")],
)
def test_the_view_has_the_name_of_the_class_in_snake_case(class_name: str, name: str) -> None:
    assert declared(Rollup, class_name, n=Count()).definition().name == name


def declared(kind: type[Projection], class_name: str = "Bad", **attributes: Any) -> Any:
    base: dict[str, Any] = {"version": 1, "events": ["order.*"]}
    return new_class(class_name, (kind,), exec_body=lambda names: names.update(base | attributes))


def evolve(self: Any, row: Any, event: Any) -> Any:
    return row


async def async_evolve(self: Any, row: Any, event: Any) -> Any:
    return row


FOLD: dict[str, Any] = {"key": {"user_id": int}, "columns": {"items": int}, "evolve": evolve}
SQL: dict[str, Any] = {"tables": "create table bad (at timestamptz)", "apply": "insert into bad select at from batch"}
BAD: list[tuple[type[Projection], dict[str, Any], str]] = [
    (Rollup, {"n": Count(), "version": 0}, "Bad.version: 0 must be an integer from 1 on"),
    (Rollup, {"n": Count(), "version": True}, "Bad.version: True must be an integer"),
    (Rollup, {"n": Count(), "events": "order"}, "Bad.events: 'order' must be a list of event types"),
    (Rollup, {"n": Count(), "events": []}, "Bad.events: [] must be a list of event types"),
    (Rollup, {"n": Count(), "events": ["a\nb"]}, "Bad.events: 'a\\nb' must be 1 to 128 printable characters"),
    (Rollup, {}, "Bad.measures: it must have 1 to 32, such as events = Count()"),
    (Rollup, {"n": Count(), "evrey": ["day"]}, "Bad.evrey: a Rollup has no such attribute: allowed are version,"),
    (Rollup, {"n": Count(), "every": ["week"]}, "Bad.every: 'week' must be one of minute, hour, day"),
    (Rollup, {"n": Count(), "every": "day"}, "Bad.every: 'day' must be a list with some of minute, hour, day"),
    (Rollup, {"n": Count(), "by": {"n": "event_data.n"}}, "Bad.by: 'n' is the name of a measure too"),
    (Rollup, {"n": Count(), "by": {"from": "event_data.n"}}, "Bad.by: 'from' is a name of the reading API"),
    (Rollup, {"n": Count(), "by": {"No": "event_data.n"}}, "Bad.by: 'No' must be 1 to 63 of a-z, 0-9 and _"),
    (Rollup, {"n": Count(), "by": {"x": "data.n"}}, "Bad.by: 'data.n' must be a property such as event_data.cart"),
    (Rollup, {"n": Count(), "by": {f"d{n}": "user_id" for n in range(9)}}, "must be a dict of at most 8 names"),
    (Rollup, {"n": Sum("user_id")}, "Bad.n: 'user_id' must be a property such as event_data.cart.total"),
    (Rollup, {"limit_": Count(), "limit": 0}, "Bad.limit: 0 must be an integer from 1 to 100,000"),
    (Rollup, {"other": Count()}, "Bad.other: 'other' is a name of the reading API"),
    (Rollup, {"n": Users(), "every": ["hour"]}, "Bad.n: users are kept per 'day', which `every` must contain"),
    (Rollup, {"n": Users(every="minute"), "every": ["minute"]}, "Bad.n: users are kept per 'hour' or 'day'"),
    (Fold, {**FOLD, "key": {}}, "Bad.key: {} must be a dict of 1 to 4 parts"),
    (Fold, {**FOLD, "key": {"cart": str}}, "Bad.key: 'cart' is not a field of the event: use Key(\"event_data.cart\""),
    (Fold, {**FOLD, "key": {"user_id": str}}, "Bad.key: the type of 'user_id' must be int, not str"),
    (
        Fold,
        {**FOLD, "key": {"x": Key("event_data.x", cast("Any", float))}},
        "Bad.key: the type of 'x' must be int or str, not float",
    ),
    (Fold, {**FOLD, "columns": {"user_id": int}}, "Bad.columns: 'user_id' is part of the key"),
    (Fold, {**FOLD, "columns": {"x": list}}, "Bad.columns: the type of 'x' must be one of int, float, Decimal, str"),
    (Fold, {**FOLD, "columns": {"x": int | str}}, "Bad.columns: the type of 'x' must be one of"),
    (Fold, {**FOLD, "evolve": None}, "Bad.evolve: it must be defined: def evolve(self, row, event)"),
    (Fold, {**FOLD, "evolve": async_evolve}, "Bad.evolve: it must be a plain function"),
    (Fold, {**FOLD, "evolve": lambda self, row: row}, "Bad.evolve: its parameters must be (self, row, event)"),
    (Fold, {**FOLD, "evolve": lambda self, row, event=1: row}, "Bad.evolve: its parameters must be"),
    (Fold, {**FOLD, "seen": set()}, "Bad.seen: set() can change: a fold keeps no state"),
    (Fold, {**FOLD, "seen": iter(())}, "can change: a fold keeps no state"),
    (Fold, {**FOLD, "__init__": evolve}, "Bad.__init__: a fold keeps no state, so it has no constructor"),
    (Sql, {**SQL, "tables": None}, "Bad.tables: it must be text with create table statements"),
    (Sql, {**SQL, "tables": "create table x (a int)"}, "Bad.tables: one table must be called 'bad'"),
    (Sql, {**SQL, "tables": "create table public.bad (a int)"}, "public.bad: a table's name must have no schema"),
    (Sql, {**SQL, "tables": "create unlogged table bad (a int)"}, "Bad.tables: a statement must be create table or"),
    (Sql, {**SQL, "tables": "create table bad (a bigserial)"}, "Bad.tables: 'bigserial' is not allowed"),
    (Sql, {**SQL, "tables": "create table bad (a int default random())"}, "Bad.tables: random() is not allowed"),
    (Sql, {**SQL, "tables": "create table bad (a int); create sequence s"}, "not 'create sequence s'"),
    (Sql, {**SQL, "apply": "commit"}, "Bad.apply: a statement must begin with insert, update, delete, merge, with"),
    (Sql, {**SQL, "apply": "delete from bad; commit"}, "Bad.apply: one text must be one statement, not 2"),
    (Sql, {**SQL, "apply": []}, "Bad.apply: it must be a statement, or a list of 1 to 16"),
    (Sql, {**SQL, "apply": "insert into bad values (now())"}, "Bad.apply: now() is not allowed: a replay could not"),
    (Sql, {**SQL, "apply": "insert into bad values (NOW /* x */ ())"}, "Bad.apply: now() is not allowed"),
    (
        Sql,
        {**SQL, "apply": "insert into bad values (Current_Timestamp)"},
        "Bad.apply: current_timestamp is not allowed",
    ),
    (Sql, {**SQL, "apply": "insert into bad values ('now')"}, "Bad.apply: 'now' is not allowed"),
    (Sql, {**SQL, "apply": ["insert into bad select pg_sleep(1)"]}, "Bad.apply: pg_sleep() is not allowed"),
]


@pytest.mark.parametrize(("kind", "attributes", "message"), BAD, ids=[message[:60] for *_, message in BAD])
def test_a_wrong_declaration_is_refused(kind: type[Projection], attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(message)):
        declared(kind, **attributes)


@pytest.mark.parametrize("name", ["AnalyticsEvents", "Users", "Pages", "Größe", "PgStat", "A" * 41])
def test_a_name_that_no_view_can_have_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{name}.__name__: "):
        declared(Rollup, name, n=Count())


def test_every_built_in_view_and_parameter_is_a_refused_name() -> None:
    files = list((ROOT / "migrations").rglob("*.sql"))
    views = {name for file in files for name in re.findall(r"view (?:if exists )?public\.(\w+)", file.read_text())}
    assert "all_time" in views
    assert views <= BUILT_IN
    for name in ("from", "to", "bucket", "min_cursor"):
        assert name in {field.alias or key for key, field in StatsQuestion.model_fields.items()}
        with pytest.raises(DefinitionError):
            declared(Rollup, by={name: "event_data.x"}, n=Count())


def test_a_projection_keeps_no_state_in_its_class() -> None:
    with pytest.raises(AttributeError, match=r"Cart\.count: a projection keeps no state"):
        Cart.count = 1


@pytest.mark.parametrize("module", ["tailrace", "tailrace.testing"])
def test_a_users_test_suite_imports_nothing_but_the_standard_library_and_msgspec(module: str) -> None:
    program = f"import {module}, sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True
    )
    started = {name.split(".")[0] for name in bare.stdout.split()}  # what this environment loads at the start
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) - started <= {
        "msgspec",
        "tailrace",
        "typing_extensions",
    }

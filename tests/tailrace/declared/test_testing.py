"""Users test their projections without servers; the examples of the docstrings run as they stand there."""

import re
from datetime import datetime
from decimal import Decimal
from textwrap import dedent
from typing import Any

import pytest

from tailrace import Count, Fold, Max, Rollup, Sql, Sum, Users
from tailrace.declared import EvolveError
from tailrace.testing import event, given


class Revenue(Rollup):
    version = 1
    events = ["order.completed"]
    by = {"country": "event_data.country"}
    every = ["hour", "day"]
    limit = 2
    orders, total, buyers, most = Count(), Sum("event_data.total"), Users(), Max("event_data.total")


class Cart(Fold):
    version = 1
    events = ["cart.*", "checkout.completed"]
    key = {"user_id": int}
    columns = {"items": int, "since": datetime}

    def evolve(self, row: Any, event: Any) -> Any:
        if event.event_type == "checkout.completed":
            return None
        return {"items": (row["items"] if row else 0) + 1, "since": row["since"] if row else event.created_at}


class LastSeen(Sql):
    version = 1
    events = ["*"]
    tables = "create table last_seen (user_id bigint)"
    apply = "insert into last_seen select user_id from batch"


def order(country: str | None, total: Any, user_id: int = 1, at: str = "2026-03-01T12:00:00Z") -> Any:
    return event("order.completed", {"country": country, "total": total}, user_id=user_id, created_at=at)


def test_a_rollup_has_totals_and_buckets() -> None:
    late = order("DE", Decimal("0.1"), 2, "2026-02-28T23:59:59.999999Z")
    projected = given(order("DE", 1.1), event("page_view"), order(None, 5), order("DE", "9"), late).project(Revenue)
    assert projected.rows() == [
        {"country": "DE", "orders": 3, "total": Decimal("1.2"), "buyers": 2, "most": Decimal("1.1")},
        {"country": None, "orders": 1, "total": 5, "buyers": 1, "most": 5},
    ]
    days = projected.rows("day")
    assert [(row["bucket"], row["country"], row["orders"], row["buyers"]) for row in days] == [
        ("2026-02-28T00:00:00Z", "DE", 1, 1),
        ("2026-03-01T00:00:00Z", "DE", 2, 1),
        ("2026-03-01T00:00:00Z", None, 1, 1),
    ]
    assert [row["buyers"] for row in projected.rows("hour")] == [None, None, None]


def test_what_is_beyond_the_limit_has_a_row_of_its_own() -> None:
    rows = given(*[order(country, 1) for country in ("DE", "FR", "IT", "")]).project(Revenue).rows()
    assert rows[2] == {"country": None, "other": True, "orders": 2, "total": 2, "buyers": 1, "most": 1}


def test_buckets_that_are_not_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="Revenue keeps no buckets per minute, but hour, day"):
        given().project(Revenue).rows("minute")
    with pytest.raises(ValueError, match="Cart is a Fold, which has no buckets"):
        given().project(Cart).rows("day")


def test_a_fold_has_a_row_per_key_in_their_order() -> None:
    added = [event("cart.added", user_id=user) for user in (9, 7, 7, 8)]
    rows = given(*added, event("checkout.completed", user_id=8)).project(Cart).rows()
    assert [(row["user_id"], row["items"]) for row in rows] == [(7, 2), (9, 1)]
    assert list(rows[0]) == ["user_id", "items", "since"]


def test_an_event_id_counts_once() -> None:
    one = event("cart.added", event_id="00000000-0000-4000-8000-000000000001")
    first_of_another_type = event("page_view", event_id=one.event_id)
    assert given(one, one).project(Cart).rows()[0]["items"] == 1
    assert given(first_of_another_type, one).project(Cart).rows() == []


def test_an_error_of_the_code_is_raised() -> None:
    class Broken(Cart):
        version = 1
        events = ["*"]
        key = {"user_id": int}
        columns = {"items": int}

        def evolve(self, row: Any, event: Any) -> Any:
            return {"items": event.event_data["items"]}

    with pytest.raises(EvolveError, match="KeyError: 'items'"):
        given(event("cart.added")).project(Broken)


def test_statements_need_a_database() -> None:
    with pytest.raises(TypeError, match="LastSeen needs Postgres: run `tailrace projection check`"):
        given().project(LastSeen)


@pytest.mark.parametrize(
    "arguments",
    [{"created_at": "2026-03-01T12:00:00"}, {"logged_at": datetime(2026, 3, 1)}, {"event_data": {"x": object()}}],
)
def test_an_event_that_no_sender_could_send_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has no time zone|event_data must be JSON"):
        event("cart.added", **arguments)


@pytest.mark.parametrize("kind", [Rollup, Fold, Sql])
def test_the_example_of_a_docstring_runs(kind: type) -> None:
    example = "\n".join(dedent(block) for block in re.findall(r"```python\n(.*?)```", kind.__doc__ or "", re.DOTALL))
    names: dict[str, Any] = {"__name__": "example"}
    exec(dedent(example), names)
    assert any(isinstance(value, type) and issubclass(value, kind) and value is not kind for value in names.values())

"""The code of a fold runs safely: what it may not do is an error of the event, with the reason."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tailrace import Event, Fold, Key
from tailrace.declared import EvolveError, Evolver

AT = datetime(2026, 3, 1, tzinfo=UTC)


def event(data: dict[str, Any] | None = None, user_id: int = 7) -> Event:
    return Event(1, UUID(int=1), "cart.added", user_id, AT, AT, data or {})


class Cart(Fold):
    version = 1
    events = ["cart.*"]
    key = {"user_id": int, "cart": Key("event_data.cart", str), "shop": Key("event_data.shop", int)}
    columns = {
        "number": int,
        "share": float | None,
        "total": Decimal,
        "note": str,
        "paid": bool,
        "since": datetime,
    }

    def evolve(self, row: Any, event: Any) -> Any:
        return event.event_data["do"](self, row)


ROW = {"number": 1, "share": 0.5, "total": Decimal("1.50"), "note": "x", "paid": False, "since": AT}


def evolve(do: Any, row: dict[str, Any] | None = None) -> Any:
    return Evolver(Cart).evolve(row, event({"do": do}))


def test_a_row_comes_back_in_the_order_of_the_columns_and_in_one_form() -> None:
    returned = {
        **dict(reversed(ROW.items())),
        "total": Decimal("1E+2"),
        "since": AT.astimezone(timezone(timedelta(hours=2))),
        "share": 3,
    }
    found = evolve(lambda self, row: returned)
    assert list(found) == list(ROW)
    assert [repr(found[name]) for name in ("total", "share")] == ["Decimal('100')", "3.0"]
    assert repr(found["since"]) == repr(AT)


@pytest.mark.parametrize("total", [3, Decimal("-0"), Decimal("0E+5"), Decimal("1.10")])
def test_a_decimal_is_what_the_database_returns(total: Any) -> None:
    found = evolve(lambda self, row: {**ROW, "total": total})["total"]
    assert type(found) is Decimal
    assert found == total
    assert "E" not in repr(found)
    assert not (found.is_zero() and found.is_signed())


def test_no_row_and_a_null_are_allowed_where_declared() -> None:
    assert evolve(lambda self, row: None, ROW) is None
    assert evolve(lambda self, row: {**row, "share": None}, ROW) == {**ROW, "share": None}


def test_the_row_is_read_only() -> None:
    def change(self: Any, row: Any) -> Any:
        row["number"] += 1
        return row

    with pytest.raises(EvolveError, match=r"^Cart\.evolve: TypeError: .* \(test_evolver\.py, line \d+\)$"):
        evolve(change, dict(ROW))


def keep_state(self: Any, row: Any) -> Any:
    self.count = 1


def keep_state_in_the_class(self: Any, row: Any) -> Any:
    type(self).count = 1


def leave(self: Any, row: Any) -> Any:
    raise SystemExit(3)


def recurse(self: Any, row: Any) -> Any:
    return recurse(self, row)


BAD = [
    (keep_state, "Cart.count: a fold keeps no state: return it in the row instead"),
    (keep_state_in_the_class, "Cart.count: a projection keeps no state"),
    (leave, "SystemExit: 3"),
    (recurse, "RecursionError: "),
    (lambda self, row: 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda self, row: [], "it must return a dict or None, not list"),
    (lambda self, row: {**ROW, "extra": 1, "more": 1}, "exactly the declared columns (undeclared: extra, more)"),
    (lambda self, row: {"number": 1}, "exactly the declared columns (missing: note, paid, share, since, total)"),
    (lambda self, row: {**ROW, "number": "1"}, "'number' must be int, not '1': it is str"),
    (lambda self, row: {**ROW, "number": True}, "'number' must be int, not True: it is bool"),
    (lambda self, row: {**ROW, "number": None}, "'number' must be int, not None"),
    (lambda self, row: {**ROW, "number": 2**63}, "out of the range of 64 bits"),
    (lambda self, row: {**ROW, "share": float("nan")}, "'share' must be float or None, not nan"),
    (lambda self, row: {**ROW, "share": 10**400}, "'share' must be float or None"),
    (lambda self, row: {**ROW, "total": Decimal("nan")}, "'total' must be decimal"),
    (lambda self, row: {**ROW, "total": 1.5}, "'total' must be decimal, not 1.5: it is float"),
    (lambda self, row: {**ROW, "total": Decimal("1E+999999")}, "too many digits"),
    (lambda self, row: {**ROW, "note": "\0"}, "it contains the character NUL"),
    (lambda self, row: {**ROW, "note": "\ud800"}, "'note' must be str"),
    (lambda self, row: {**ROW, "paid": 1}, "'paid' must be bool, not 1"),
    (lambda self, row: {**ROW, "since": datetime(2026, 3, 1)}, "it has no time zone"),
    (lambda self, row: {**ROW, "since": "2026-03-01"}, "'since' must be datetime"),
    (lambda self, row: {**ROW, "since": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))}, "'since' must be"),
]


@pytest.mark.parametrize(("do", "message"), BAD, ids=[message[:50] for _, message in BAD])
def test_what_an_event_cannot_do_is_an_error_with_its_reason(do: Any, message: str) -> None:
    with pytest.raises(EvolveError) as caught:
        evolve(do)
    assert str(caught.value).startswith("Cart.evolve: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"cart": "c", "shop": 1}, (7, "c", 1)),
        ({"cart": "", "shop": -(2**63)}, (7, "", -(2**63))),
        ({"cart": 1, "shop": 1}, None),
        ({"cart": "c", "shop": "1"}, None),
        ({"cart": "c", "shop": True}, None),
        ({"cart": "c", "shop": Decimal("1.0")}, None),
        ({"cart": "c", "shop": 2**63}, None),
        ({"cart": None, "shop": 1}, None),
        ({"shop": 1}, None),
    ],
)
def test_an_event_whose_key_is_missing_or_of_another_type_is_skipped(data: dict[str, Any], key: Any) -> None:
    assert Evolver(Cart).key(event(data)) == key


def test_a_key_that_no_index_can_hold_is_an_error_of_its_event() -> None:
    assert Evolver(Cart).key(event({"cart": "c" * 2_000, "shop": 1}))
    with pytest.raises(EvolveError, match=r"Cart\.key: 'cart' has more than 2,000 bytes of text"):
        Evolver(Cart).key(event({"cart": "ä" * 1_001, "shop": 1}))

"""Tests of the example projections: no server runs. Copy a file and its test, and change both."""

from datetime import UTC, datetime

import pytest

from examples.projections.carts import Cart
from examples.projections.revenue import Revenue
from tailrace.declared import EvolveError
from tailrace.testing import Draft, event, given


def order(country: str | None, cents: int, user_id: int, created_at: str) -> Draft:
    """Returns a completed order."""
    data = {"country": country, "amount": {"cents": cents}}
    return event("order.completed", data, user_id=user_id, created_at=created_at)


def added(cents: int, created_at: str = "2026-03-01T12:00:00Z") -> Draft:
    """Returns an item that user 7 put into the cart."""
    return event("cart.added", {"cents": cents}, user_id=7, created_at=created_at)


def test_revenue_is_added_up_by_country() -> None:
    log = given(
        order("DE", 500, user_id=1, created_at="2026-03-01T23:00:00Z"),
        order("DE", 750, user_id=2, created_at="2026-03-02T01:00:00Z"),
        order("FR", 900, user_id=2, created_at="2026-03-02T02:00:00Z"),
        event("page_view", {"country": "DE"}, user_id=3),
    )
    assert log.project(Revenue).rows() == [
        {"country": "DE", "orders": 2, "cents": 1250, "buyers": 2},
        {"country": "FR", "orders": 1, "cents": 900, "buyers": 1},
    ]
    assert [(row["bucket"], row["country"], row["cents"]) for row in log.project(Revenue).rows("day")] == [
        ("2026-03-01T00:00:00Z", "DE", 500),
        ("2026-03-02T00:00:00Z", "DE", 750),
        ("2026-03-02T00:00:00Z", "FR", 900),
    ]


def test_a_cart_counts_its_items_since_the_first_one() -> None:
    log = given(added(500), added(250, "2026-03-01T13:00:00Z"), event("cart.removed", {"cents": 500}, user_id=7))
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert log.project(Cart).rows() == [{"user_id": 7, "items": 1, "cents": 250, "since": since}]


@pytest.mark.parametrize("last", ["checkout.completed", "cart.removed"])
def test_an_empty_cart_has_no_row(last: str) -> None:
    assert given(added(500), event(last, {"cents": 500}, user_id=7)).project(Cart).rows() == []


def test_an_item_without_a_price_is_parked() -> None:
    with pytest.raises(EvolveError, match="KeyError: 'cents'"):
        given(event("cart.added", user_id=7)).project(Cart)

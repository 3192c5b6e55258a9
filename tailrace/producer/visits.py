"""One visit to the mock shop: page views, clicks, searches, orders and abandoned carts."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Any, TypeVar

from tailrace.producer.catalogue import (
    CURRENCY,
    DEVICES,
    ELEMENTS,
    PAGES,
    PAYMENTS,
    PLANS,
    PRODUCTS,
    QUERIES,
    REFERRERS,
    SIGN_UP_METHODS,
    Product,
)

Step = tuple[str, dict[str, Any]]
"""An event type and its data."""

_T = TypeVar("_T")


def popular(random: Random, items: Sequence[_T], *, flatness: int = 0) -> _T:
    """Returns one of ``items``, the n-th with a weight of 1/(n + ``flatness``) (Zipf-Mandelbrot)."""
    return random.choices(items, cum_weights=_zipf(len(items), flatness))[0]


@lru_cache(maxsize=16)
def _zipf(count: int, flatness: int) -> list[float]:
    return list(accumulate(1 / (rank + flatness) for rank in range(1, count + 1)))


def visit(random: Random, *, new_user: bool) -> Iterator[Step]:
    """Yields the steps of one visit; all of them carry its device."""
    device = random.choices(list(DEVICES), cum_weights=list(accumulate(DEVICES.values())))[0]
    for event_type, data in _steps(random, new_user):
        yield event_type, {**data, "device": device}


def _steps(random: Random, new_user: bool) -> Iterator[Step]:
    referrer = random.choices(list(REFERRERS), cum_weights=list(accumulate(REFERRERS.values())))[0]
    yield _page(popular(random, PAGES), referrer)
    if new_user:
        yield _page("/sign-up", None)
        yield "sign_up", {"method": random.choice(SIGN_UP_METHODS), "plan": random.choice(PLANS)}
    cart: list[Product] = []
    while random.random() < 0.8:
        yield from _browse(random, cart)
    if cart and random.random() < 0.7:
        yield from _check_out(random, cart)


def _browse(random: Random, cart: list[Product]) -> Iterator[Step]:
    what = random.random()
    if what < 0.35:
        path = popular(random, PAGES)
        yield _page(path, None)
        if random.random() < 0.6:
            yield "click", {"path": path, "element": popular(random, ELEMENTS)}
    elif what < 0.5:
        yield "search", {"query": popular(random, QUERIES), "results": random.randint(0, 40)}
    else:
        product = popular(random, PRODUCTS)
        path = f"/products/{product.sku.lower()}"
        yield _page(path, None)
        if random.random() < 0.35:
            yield "click", {"path": path, "element": "cta-buy"}
            cart.append(product)
            yield "add_to_cart", {"sku": product.sku, "name": product.name, "price": product.price, "quantity": 1}


def _check_out(random: Random, cart: list[Product]) -> Iterator[Step]:
    amount = round(sum(product.price for product in cart), 2)
    order = f"{random.getrandbits(40):010x}"
    yield "checkout.started", {"items": len(cart), "amount": amount, "currency": CURRENCY}
    if random.random() < 0.25:
        return
    payment = random.choice(PAYMENTS)
    yield "checkout.completed", {"order_id": order, "amount": amount, "currency": CURRENCY, "payment": payment}
    items = [{"sku": product.sku, "category": product.category, "price": product.price} for product in cart]
    yield "order", {"order_id": order, "amount": amount, "currency": CURRENCY, "items": items}


def _page(path: str, referrer: str | None) -> Step:
    return "page_view", {"path": path, "referrer": referrer}

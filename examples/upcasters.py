"""Upcasters of an ``order_completed`` event with three generations, for ``TAILRACE_UPCASTERS=examples/upcasters.py``.

The log holds all three; every reader sees the last one:

    version 1  {"total": 12.5}
    version 2  {"total_cents": 1250}
    version 3  {"amount": {"cents": 1250, "currency": "EUR"}}

Nothing of Tailrace is needed here: functions from the ``event_data`` of one version to that of the next.
"""

from typing import Any


def count_in_cents(data: dict[str, Any]) -> dict[str, Any]:
    """1 to 2: a number with a fraction arrives as a Decimal, so 19.99 is 1999 cents and not 1998."""
    cents = data.pop("total") * 100
    if cents != int(cents):
        raise ValueError(f"total has a fraction of a cent: {cents / 100}")
    return {**data, "total_cents": int(cents)}


def name_the_currency(data: dict[str, Any]) -> dict[str, Any]:
    """2 to 3: until then, every order was in euros."""
    cents = data.pop("total_cents")
    return {**data, "amount": {"cents": cents, "currency": "EUR"}}


UPCASTERS = {
    ("order_completed", 1): count_in_cents,
    ("order_completed", 2): name_the_currency,
}

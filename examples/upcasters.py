"""Upcasters for three versions of an ``order_completed`` event: ``TAILRACE_UPCASTERS=examples/upcasters.py``.

The log contains all three versions; every reader sees the last one:

    version 1  {"total": 12.5}
    version 2  {"total_cents": 1250}
    version 3  {"amount": {"cents": 1250, "currency": "EUR"}}

Each function turns the ``event_data`` of one version into that of the next. They import nothing from Tailrace.
"""

from typing import Any


def count_in_cents(data: dict[str, Any]) -> dict[str, Any]:
    """Turns version 1 into 2. A fraction arrives as a Decimal, so 19.99 is exactly 1999 cents."""
    cents = data.pop("total") * 100
    if cents != int(cents):
        raise ValueError(f"total has a fraction of a cent: {cents / 100}")
    return {**data, "total_cents": int(cents)}


def name_the_currency(data: dict[str, Any]) -> dict[str, Any]:
    """Turns version 2 into 3. Earlier orders were all in euros."""
    cents = data.pop("total_cents")
    return {**data, "amount": {"cents": cents, "currency": "EUR"}}


UPCASTERS = {
    ("order_completed", 1): count_in_cents,
    ("order_completed", 2): name_the_currency,
}

"""Upcasts orders to version 3, which has a currency."""

from typing import Any

from tests.support.accounting.releases import fixed


def name_the_currency(data: dict[str, Any]) -> dict[str, Any]:
    cents = data.pop("total_cents")
    return {**data, "amount": {"cents": cents, "currency": "EUR"}}


UPCASTERS = {**fixed.UPCASTERS, ("order_completed", 2): name_the_currency}

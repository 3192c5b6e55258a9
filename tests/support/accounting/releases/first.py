"""Upcasts orders to version 2, but fails on those whose total is called a sum."""

from typing import Any


def count_in_cents(data: dict[str, Any]) -> dict[str, Any]:
    cents = data.pop("total") * 100
    return {**data, "total_cents": int(cents)}


UPCASTERS = {("order_completed", 1): count_in_cents}

"""Upcasts every order to version 2."""

from typing import Any

from tests.support.accounting.releases.first import count_in_cents


def count_anything_in_cents(data: dict[str, Any]) -> dict[str, Any]:
    if "sum" in data:
        data["total"] = data.pop("sum")
    return count_in_cents(data)


UPCASTERS = {("order_completed", 1): count_anything_in_cents}

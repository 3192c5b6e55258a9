"""What is in the cart of each user who has not checked out: ``GET /projections/cart?user_id=7``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tailrace import Event, Fold


class Cart(Fold):
    """Carts that are not empty."""

    version = 1
    events = ["cart.added", "cart.removed", "checkout.completed"]
    key = {"user_id": int}
    columns = {"items": int, "cents": int, "since": datetime}

    def evolve(self, row: Mapping[str, Any] | None, event: Event) -> Mapping[str, Any] | None:
        """Adds or removes an item; a checkout, or the last item removed, ends the cart."""
        if event.event_type == "checkout.completed":
            return None
        step = 1 if event.event_type == "cart.added" else -1
        items = (row["items"] if row else 0) + step
        if items <= 0:
            return None
        return {
            "items": items,
            "cents": (row["cents"] if row else 0) + step * event.event_data["cents"],
            "since": row["since"] if row else event.created_at,
        }

"""Orders and revenue by country, per hour and day: ``GET /projections/revenue``."""

from tailrace import Count, Rollup, Sum, Users


class Revenue(Rollup):
    """Orders and revenue by country."""

    version = 1
    events = ["order.completed"]
    by = {"country": "event_data.country"}
    every = ["hour", "day"]
    orders = Count()
    cents = Sum("event_data.amount.cents")
    buyers = Users()

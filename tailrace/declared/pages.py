"""The built-in rollup ``pages``: the read model of the projection service keeps it in its own transactions."""

from tailrace.declared.definitions import Measure, RollupDefinition

PAGES = RollupDefinition(
    name="pages",
    version=1,
    events=("page_view", "http_request"),
    by={"path": "event_data.path", "event_type": "event_type"},
    every=("day",),
    measures={"events": Measure("count"), "visitors": Measure("users", every="day")},
    limit=10_000,
)
"""The paths of page views and of requests, per UTC day, with their visitors."""

"""The dashboards: live events, rollups of the user, and the health of the pipeline."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from tools.grafana.parts import LEFT, RIGHT, SOURCE, chart, number, own_axes, rows, side_by_side, sql_of
from tools.grafana.services import add_panels

EVERYTHING = "'__all'"
"""The value of the variable ``event_type`` for all types: a list of thousands would not fit a query."""


def live() -> builders.Dashboard:
    """The events, now and in any range."""
    board = _board("tailrace-live", "Live", "Events as the projection service counts them.", "now-1h").with_variable(
        _event_type()
    )
    board = side_by_side(
        board,
        [
            number("events_per_second", "Events per second", "In the last full minute.", "eps"),
            number("events_in_range", "Events", "In the range, in whole minutes, hours or days."),
            number("users_of_day", "Unique users", "On the UTC day in which the range ends, up to a minute ago."),
            number("all_events", "Events of all time", "All counted events, whatever is selected."),
            number("all_users", "Users of all time", "All users, whatever is selected."),
            number("types_known", "Event types", "All types that have occurred."),
        ],
        4,
    )
    board = side_by_side(
        board,
        [
            chart(
                "events_by_type", "Events by type", "Per second, from the rollup that fits the range.", "eps", bars=True
            )
        ],
        9,
    )
    board = side_by_side(
        board,
        [
            chart("users_by_time", "Unique users over time", "Per hour; per day in ranges of more than two weeks."),
            chart("types_share", "Events over time", "Per hour; per day in ranges of more than two weeks.", bars=True),
        ],
        8,
    )
    return side_by_side(
        board,
        [
            rows("top_paths", "Top paths", "The most frequent event_data.path. Reads every event of the range."),
            rows("latest_events", "Latest events", "The newest events of the range."),
        ],
        10,
    )


def rollups() -> builders.Dashboard:
    """Any rollup that the user declares, and the state of all projections."""
    board = _board("tailrace-rollups", "Rollups", "Rollups of your own, as readers see them.", "now-7d")
    for name, label in (("rollup", "Rollup"), ("level", "Bucket"), ("measure", "Measure")):
        board = board.with_variable(_choice(name, label))
    board = side_by_side(
        board,
        [
            chart(
                "rollup_over_time",
                "Measure over time",
                "Per bucket; the ten combinations of dimensions with most of it. The newest bucket is not whole.",
                bars=True,
            )
        ],
        10,
    )
    return side_by_side(
        board,
        [
            rows("rollup_rows", "Rows", "The newest 500 rows of the view, with every dimension and measure."),
            rows("rollup_state", "Projections", "Every version of every projection; a failed one says why."),
        ],
        11,
    )


def pipeline() -> builders.Dashboard:
    """Lag, backlog, rates and sizes, for the operator."""
    board = _board("tailrace-pipeline", "Pipeline health", "Log, projection and database.", "now-6h")
    board = side_by_side(
        board,
        [
            number("lag_seconds", "Lag", "How long the oldest event that is not counted has waited.", "s", alarm=60),
            number("lag_events", "Events not counted yet", "In the log, not in the tables."),
            number(
                "parked", "Parked events", "In the log; not counted until `tailrace parked retry` succeeds.", alarm=1
            ),
            number("silence", "Last report", "Time since the projection service last reported.", "s", alarm=60),
        ],
        4,
    )
    board = side_by_side(
        board,
        [
            number("inbox_waiting", "Waiting in the inbox", "Published over NATS and not in the log yet."),
            number("rejected", "Rejected messages", "Refused by validation and kept with the reason."),
            number("late_pending", "Late events pending", "Counted, and not in TimescaleDB's aggregates yet."),
            number("log_bytes", "Size of the log", "On the disk of the log's server.", "bytes"),
        ],
        4,
    )
    board = side_by_side(
        board,
        [
            chart(
                "lag_over_time",
                "Lag over time",
                "Seconds. A gap means that the log did not answer or no service reported.",
                "s",
            ),
            chart("rates", "Rates", "Events per second into the log and into the tables.", "eps"),
        ],
        8,
    )
    board = side_by_side(
        board,
        [
            own_axes(
                chart("left_over", "Parked, rejected, waiting", "Events that are not counted, by reason."),
                {"parked": LEFT, "rejected": LEFT, "waiting in the inbox": RIGHT, "late": RIGHT},
            ),
            chart("sizes", "Sizes", "The log, and the whole database.", "bytes"),
        ],
        8,
    )
    return side_by_side(
        board,
        [
            rows("storage", "Tables", "Sizes of tables; a chunk of TimescaleDB is a table."),
            rows("chunks", "Chunks", "Chunks of events in TimescaleDB, which compresses older ones."),
            rows("models", "Read models", "The position of each; readers see the live one."),
        ],
        9,
    )


def services() -> builders.Dashboard:
    """HTTP requests, live clients and projections, from Prometheus."""
    return add_panels(_board("tailrace-services", "Services", "What the services measure themselves.", "now-6h"))


def _board(uid: str, title: str, meaning: str, since: str) -> builders.Dashboard:
    return (
        builders.Dashboard(title)
        .uid(uid)
        .description(meaning)
        .tags(["tailrace"])
        .time(since, "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("Tailrace")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["tailrace"])
            .keep_time(True)
            .as_dropdown(False)
        )
    )


def _choice(name: str, label: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(sql_of(f"rollup_{name}s" if name != "rollup" else "rollup_names"))
        .multi(False)
        .include_all(False)
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
    )


def _event_type() -> builders.QueryVariable:
    return (
        builders.QueryVariable("event_type")
        .label("Event type")
        .datasource(SOURCE)
        .query(sql_of("event_types"))
        .multi(True)
        .include_all(True)
        .all_value(EVERYTHING)
        .current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )

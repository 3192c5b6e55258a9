"""The two dashboards."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from tools.grafana.parts import SOURCE, chart, number, rows, side_by_side, sql_of

EVERYTHING = "'__all'"
"""What the variable ``event_type`` is when all types are meant: a list of thousands would not fit a query."""


def live() -> builders.Dashboard:
    """What happens now, and in any range: for whoever wants to know about the events."""
    board = _board("tailrace-live", "Live", "Events as they are counted.", "now-1h").with_variable(_event_type())
    board = side_by_side(
        board,
        [
            number("events_per_second", "Events per second", "In the last full minute.", "ops"),
            number("events_in_range", "Events", "In the range, counted in whole minutes, hours or days."),
            number("users_of_day", "Unique users", "On the UTC day in which the range ends, up to a minute ago."),
            number("all_events", "Events of all time", "Everything that was ever counted, whatever is selected."),
            number("all_users", "Users of all time", "Everybody who was ever seen, whatever is selected."),
            number("types_known", "Event types", "How many there ever were."),
        ],
        4,
    )
    board = side_by_side(
        board,
        [chart("events_by_type", "Events by type", "Per second, from the rollup that fits.", "ops", bars=True)],
        9,
    )
    board = side_by_side(
        board,
        [
            chart("users_by_time", "Unique users over time", "Per hour, in ranges of more than two weeks per day."),
            chart("types_share", "Events over time", "Events in each hour, in long ranges each day.", bars=True),
        ],
        8,
    )
    return side_by_side(
        board,
        [
            rows("top_paths", "Top paths", "The most frequent event_data.path. Reads every event of the range."),
            rows("latest_events", "Latest events", "The newest of the range."),
        ],
        10,
    )


def pipeline() -> builders.Dashboard:
    """Whether everything works: for whoever runs it."""
    board = _board("tailrace-pipeline", "Pipeline health", "Log, projection and database.", "now-6h")
    board = side_by_side(
        board,
        [
            number("lag_seconds", "Lag", "How long the oldest event that is not counted has waited.", "s", alarm=60),
            number("lag_events", "Events not counted yet", "In the log, not in the tables."),
            number("parked", "Parked events", "In the log, and can't be counted until somebody decides.", alarm=1),
            number("silence", "Last report", "Since the projection service has reported.", "s", alarm=60),
        ],
        4,
    )
    board = side_by_side(
        board,
        [
            number("inbox_waiting", "Waiting in the inbox", "Published over NATS, not in the log yet."),
            number("rejected", "Rejected messages", "Refused from the inbox, and kept with the reason."),
            number("late_pending", "Late events pending", "Counted, and on their way into TimescaleDB's aggregates."),
            number("log_bytes", "Size of the log", "On the disk of the log's server.", "bytes"),
        ],
        4,
    )
    board = side_by_side(
        board,
        [
            chart("lag_over_time", "Lag over time", "Seconds; gaps: the log did not answer, or nothing reported.", "s"),
            chart("rates", "Rates", "Events a second into the log, and into the tables.", "ops"),
        ],
        8,
    )
    board = side_by_side(
        board,
        [
            chart("left_over", "Parked, rejected, waiting", "What is not counted, and why."),
            chart("sizes", "Sizes", "The log, and the whole database.", "bytes"),
        ],
        8,
    )
    return side_by_side(
        board,
        [
            rows("storage", "Tables", "What the database's room is used for; chunks are TimescaleDB's, each a table."),
            rows("chunks", "Chunks", "TimescaleDB's, of the events: a table each, compressed after a while."),
            rows("models", "Read models", "Where each is; the live one is what everybody sees."),
        ],
        9,
    )


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

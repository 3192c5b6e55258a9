"""The dashboard of the services' own metrics, for those who scrape ``/metrics`` with Prometheus."""

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.models import common, dashboard

from tools.grafana.parts import side_by_side

SOURCE = dashboard.DataSourceRef("prometheus", "${source}")
HTTP = "tailrace_http_request_duration_seconds"


def add_panels(board: builders.Dashboard) -> builders.Dashboard:
    """Adds the choice of a Prometheus data source, and the panels."""
    board = board.with_variable(builders.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    board = side_by_side(
        board,
        [
            _chart(
                "HTTP latency",
                "Seconds until the first byte: 95 of 100 responses of a path are faster.",
                f"histogram_quantile(0.95, sum by (le, handler) (rate({HTTP}_bucket[$__rate_interval])))",
                "{{handler}}",
                "s",
            ),
            _chart(
                "HTTP requests",
                "Responses per second, by path.",
                f"sum by (handler) (rate({HTTP}_count[$__rate_interval]))",
                "{{handler}}",
                "reqps",
            ),
            _chart(
                "HTTP errors",
                "Refused (4xx) and failed (5xx) responses per second, by path.",
                f'sum by (handler, status) (rate({HTTP}_count{{status=~"[45].*"}}[$__rate_interval]))',
                "{{handler}} {{status}}",
                "reqps",
            ),
        ],
        9,
    )
    return side_by_side(
        board,
        [
            _chart(
                "Live clients",
                "Clients of /ws and /sse, per query service.",
                "tailrace_live_clients",
                "{{instance}}",
                "short",
            ),
            _chart(
                "Frames to live clients",
                "Per second.",
                "sum(rate(tailrace_live_frames_total[$__rate_interval]))",
                "frames",
                "short",
            ),
            _chart(
                "Lag of projections",
                "Log entries that each projection of your own lacks.",
                "max by (projection) (tailrace_projection_lag_events)",
                "{{projection}}",
                "short",
            ),
        ],
        9,
    )


def _chart(title: str, meaning: str, expression: str, legend: str, unit: str) -> timeseries.Panel:
    query = prometheus.Dataquery().ref_id("A").datasource(SOURCE).expr(expression).legend_format(legend).range()
    return (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .datasource(SOURCE)
        .with_target(query)
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .span_nulls(False)
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )

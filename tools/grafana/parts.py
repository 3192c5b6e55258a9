"""Parts of the dashboards: the data source, queries from files, and panels of one style."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard

from runtime.postgres import read_sql

SOURCE_UID = "tailrace"
SOURCE_TYPE = "grafana-postgresql-datasource"
SOURCE = dashboard.DataSourceRef(SOURCE_TYPE, SOURCE_UID)
WIDTH = 24
"""Columns of a dashboard."""

LEFT, RIGHT = common.AxisPlacement.LEFT, common.AxisPlacement.RIGHT

AnyPanel = TypeVar("AnyPanel", stat.Panel, table.Panel, timeseries.Panel)


def sql_of(name: str) -> str:
    """The text of a query without the comment that its file begins with."""
    lines = read_sql("tools.grafana", name).splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


class Query(Dataquery, Builder[Dataquery]):
    """A query of the Postgres data source in a panel."""

    def __init__(self, name: str, form: str) -> None:
        self._name = name
        self._form = form

    def build(self) -> Dataquery:
        """See ``Builder``."""
        return self

    def to_json(self) -> dict[str, Any]:
        """See the SDK's encoder."""
        return {
            "refId": "A",
            "datasource": SOURCE,
            "editorMode": "code",
            "format": self._form,
            "rawQuery": True,
            "rawSql": sql_of(self._name),
        }


def number(query: str, title: str, meaning: str, unit: str = "short", *, alarm: float | None = None) -> stat.Panel:
    """One number; red from ``alarm`` upwards."""
    steps = [dashboard.Threshold(None, "text")] if alarm is None else _steps(alarm)
    return (
        _panel(stat.Panel(), query, "table", title, meaning)
        .unit(unit)
        .no_value("–")
        .graph_mode(common.BigValueGraphMode.NONE)
        .thresholds(builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common_builders.ReduceDataOptions().values(False).calcs(["lastNotNull"]))
    )


def chart(query: str, title: str, meaning: str, unit: str = "short", *, bars: bool = False) -> timeseries.Panel:
    """Numbers over time: lines, or stacked bars."""
    panel = (
        _panel(timeseries.Panel(), query, "time_series", title, meaning)
        .unit(unit)
        .min(0)
        .span_nulls(False)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if not bars:
        return panel.fill_opacity(10)
    stacked = common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
    return panel.draw_style(common.GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)


def own_axes(panel: timeseries.Panel, places: Mapping[str, common.AxisPlacement]) -> timeseries.Panel:
    """Gives series an axis each, with the series' name as its label."""
    for name, place in places.items():
        settings = {"custom.axisPlacement": place, "custom.axisLabel": name}
        panel = panel.override_by_name(name, [dashboard.DynamicConfigValue(*one) for one in settings.items()])
    return panel


def rows(query: str, title: str, meaning: str) -> table.Panel:
    """A table."""
    return _panel(table.Panel(), query, "table", title, meaning)


def _panel(panel: AnyPanel, query: str, form: str, title: str, meaning: str) -> AnyPanel:
    return panel.title(title).description(meaning).datasource(SOURCE).with_target(Query(query, form))


def _steps(alarm: float) -> list[dashboard.Threshold]:
    return [dashboard.Threshold(None, "green"), dashboard.Threshold(alarm, "red")]


def side_by_side(board: builders.Dashboard, panels: Sequence[AnyPanel], height: int) -> builders.Dashboard:
    """Add a row of panels of equal width."""
    for panel in panels:
        board = board.with_panel(panel.height(height).span(WIDTH // len(panels)))
    return board

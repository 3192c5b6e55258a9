"""The alerts that Grafana is provisioned with. docs/operations.md says what each means and what to do."""

from typing import Any, NamedTuple

from tools.grafana.parts import SOURCE_TYPE, SOURCE_UID, sql_of

PAGE = "docs/operations.md, Alerts"


class Alert(NamedTuple):
    """Fires when the value of ``query`` has exceeded ``limit`` for ``since``."""

    uid: str
    title: str
    query: str
    limit: float
    since: str
    severity: str
    summary: str


ALERTS = (
    Alert(
        "lag",
        "The tables lag",
        "lag_alert",
        60,
        "1m",
        "critical",
        "The oldest event has waited for more than a minute.",
    ),
    Alert("parked", "Events are parked", "parked_lately", 0, "0s", "warning", "An event of the log can't be counted."),
    Alert("silent", "No report", "silence", 60, "1m", "critical", "No projection service has reported for a minute."),
    Alert("log", "The log is away", "log_is_away", 0, "1m", "critical", "The log's server does not answer."),
)


def provisioning() -> dict[str, Any]:
    """The content of the alerting file."""
    group = {"orgId": 1, "name": "tailrace", "folder": "Tailrace", "interval": "30s", "rules": [*map(_rule, ALERTS)]}
    return {"apiVersion": 1, "groups": [group]}


def _rule(alert: Alert) -> dict[str, Any]:
    source = {"type": SOURCE_TYPE, "uid": SOURCE_UID}
    asked = {
        "refId": "A",
        "datasource": source,
        "editorMode": "code",
        "format": "table",
        "rawQuery": True,
        "rawSql": sql_of(alert.query),
    }
    compared = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [alert.limit]}}],
    }
    return {
        "uid": f"tailrace-{alert.uid}",
        "title": alert.title,
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "datasourceUid": SOURCE_UID,
                "relativeTimeRange": {"from": 600, "to": 0},
                "model": asked,
            },
            {"refId": "B", "datasourceUid": "__expr__", "model": compared},
        ],
        "for": alert.since,
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": f"What to do: {PAGE}."},
    }

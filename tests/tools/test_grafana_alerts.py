"""Grafana's alerts: each fires for its cause only, and the operations page describes each."""

import re
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from ruamel.yaml import YAML

from tests.support.docs_page import DOCS
from tests.support.grafana import FOLDER, expand, provisioned
from tools.grafana.alerts import ALERTS

NOW = datetime.now(UTC)
HEALTHY = """insert into tailrace.pipeline_samples (sampled_at, model, log_last_seq, projected_seq, lag_seconds, parked,
    late_pending, database_bytes) values (now() - interval '50 seconds', 'model_1', 100, 100, 59, 0, 0, 0)"""
PARKED = """insert into model_1.parked_events (seq, code, reason, payload, logged_at, parked_at)
    values (1, 'x', 'y', '', now(), now() - interval '{} minutes')"""
ILL = {
    "The tables lag": ["update tailrace.pipeline_samples set lag_seconds = 61"],
    "Events are parked": [PARKED.format(14)],
    "No report": ["update tailrace.pipeline_samples set sampled_at = now() - interval '61 seconds'"],
    "The log is away": ["update tailrace.pipeline_samples set log_last_seq = null, lag_seconds = null"],
}
"""Statements by the only alert that they cause."""


def rules() -> list[dict[str, Any]]:
    return [rule for group in provisioned("alerting/alerts.yaml")["groups"] for rule in group["rules"]]


async def firing(connection: "asyncpg.Connection") -> set[str]:
    """The titles of the alerts whose condition holds, evaluated as Grafana does."""
    found: set[str] = set()
    for rule in rules():
        asked, compared = (one["model"] for one in rule["data"])
        assert (rule["condition"], compared["type"], compared["expression"]) == ("B", "threshold", asked["refId"])
        [condition] = compared["conditions"]
        assert condition["evaluator"]["type"] == "gt"
        [limit] = condition["evaluator"]["params"]
        rows = await connection.fetch(expand(asked["rawSql"], NOW, NOW, {}))
        if rows and rows[0]["value"] > limit:
            found.add(rule["title"])
    return found


async def test_no_alert_fires_for_a_healthy_pipeline(connection: "asyncpg.Connection") -> None:
    await connection.execute(HEALTHY)
    assert await firing(connection) == set()


async def test_the_alert_for_parked_events_ends_after_a_while(connection: "asyncpg.Connection") -> None:
    await connection.execute(HEALTHY)
    await connection.execute(PARKED.format(16))
    assert await firing(connection) == set()


@pytest.mark.parametrize("title", ILL)
async def test_each_alert_fires_only_for_its_cause(connection: "asyncpg.Connection", title: str) -> None:
    await connection.execute(HEALTHY)
    for statement in ILL[title]:
        await connection.execute(statement)
    assert await firing(connection) == {title}


def test_alerts_have_the_duration_of_the_code_and_ignore_missing_data() -> None:
    assert ILL.keys() == {alert.title for alert in ALERTS}
    for rule, alert in zip(rules(), ALERTS, strict=True):
        assert (rule["title"], rule["for"], rule["labels"]) == (alert.title, alert.since, {"severity": alert.severity})
        assert (rule["noDataState"], rule["execErrState"]) == ("OK", "Error")


def test_the_operations_page_describes_each_alert() -> None:
    section = (DOCS / "operations.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[1:]] == [alert.title for alert in ALERTS]


def test_the_contact_point_of_the_page_receives_every_alert() -> None:
    section = (DOCS / "operations.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    [text] = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    contact = YAML(typ="safe").load(text)
    [point], [policy] = contact["contactPoints"], contact["policies"]
    assert policy["receiver"] == point["name"]
    assert all(receiver.keys() == {"uid", "type", "settings"} for receiver in point["receivers"])
    assert "routes" not in policy, "some alerts would go elsewhere"
    [place] = re.findall(r"`deploy/grafana/(provisioning/alerting/\w+\.yaml)`", section)
    assert not (FOLDER / place).exists()

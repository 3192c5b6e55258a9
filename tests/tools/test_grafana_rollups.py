"""Grafana's dashboard of rollups: any declared rollup, chosen by variables, equals a naive count."""

import json
import re
from datetime import timedelta
from pathlib import Path

import asyncpg

from migrations.roles import ensure_reader
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import BASE, log_events
from tests.support.grafana import FOLDER, expand, rollup_queries
from tests.support.metrics import listed_metrics
from tests.support.projections import (
    SHOP_NAMES,
    declare,
    merge_sets,
    naive_revenue,
    running_projections,
    shop_events,
    until_shown,
)
from tests.support.projector import running_projector

DAYS = """
from tailrace import Max, Rollup

class Days(Rollup):
    version = 1
    events = ["order.completed"]
    by = {}
    every = ["day"]
    most = Max("event_data.amount.cents")
"""


async def test_any_rollup_can_be_chosen_and_shows_its_measures(
    log: LogClient, settings: Settings, of_each_flavour: str, tmp_path: Path
) -> None:
    folder = declare(declare(tmp_path / "projections"), DAYS, "days")
    own = settings.model_copy(update={"database": of_each_flavour, "projections": str(folder), "replay_share": 1.0})
    sent = await log_events(log, shop_events(200))
    connection = await asyncpg.connect(of_each_flavour, server_settings={"timezone": "UTC"})
    async with running_projector(own), running_projections(own) as task:
        await until_shown(connection, [*SHOP_NAMES, "days"], 200, task)
    await merge_sets(connection, "revenue")
    await ensure_reader(connection, "grafana_reader", "secret")
    await connection.execute("set role grafana_reader")
    queries = rollup_queries()

    async def ask(title: str, **chosen: str) -> list[tuple[object, ...]]:
        sql = expand(
            queries[title],
            BASE - timedelta(days=1),
            BASE + timedelta(days=9),
            {name: [value] for name, value in chosen.items()},
        )
        return [tuple(row) for row in await connection.fetch(sql)]

    naive = naive_revenue(sent)
    assert await ask("Rollup") == [("days",), ("revenue",)]
    assert await ask("Bucket", rollup="revenue") == [("day",), ("hour",)]
    assert await ask("Measure", rollup="revenue", level="hour") == [("orders",), ("cents",)]
    assert await ask("Measure", rollup="revenue", level="day") == [("orders",), ("cents",), ("buyers",)]
    for level, measure, place in (("hour", "orders", 0), ("day", "cents", 1), ("day", "buyers", 2)):
        rows = await ask("Measure over time", rollup="revenue", level=level, measure=measure)
        assert rows == sorted(
            (bucket, country or "none", float(values[place] or 0))
            for (kept, bucket, country), values in naive.items()
            if kept == level
        )
    most = await ask("Measure over time", rollup="days", level="day", measure="most")
    assert {metric for _, metric, _ in most} == {"all"}
    largest = max(json.loads(bytes(one.event_data))["amount"]["cents"] for one in sent if "order" in one.event_type)
    assert max(float(str(value)) for *_, value in most) == largest
    shown = await ask("Rows", rollup="revenue", level="day")
    assert len(shown) == len([key for key in naive if key[0] == "day"])
    assert [row[:4] for row in await ask("Projections")] == [
        (name, 1, kind, "live")
        for name, kind in (("cart", "fold"), ("days", "rollup"), ("last_seen", "sql"), ("revenue", "rollup"))
    ]
    await connection.execute("reset role")
    await connection.close()


def test_the_dashboards_link_to_each_other_and_keep_the_range() -> None:
    for file in (FOLDER / "dashboards").glob("*.json"):
        board = json.loads(file.read_text())
        [link] = board["links"]
        assert (link["type"], link["tags"], link["keepTime"]) == ("dashboards", ["tailrace"], True)
        assert "tailrace" in board["tags"]


def test_what_is_not_counted_has_an_axis_each() -> None:
    board = json.loads((FOLDER / "dashboards" / "pipeline.json").read_text())
    [panel] = [panel for panel in board["panels"] if panel["title"] == "Parked, rejected, waiting"]
    labels = {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}["custom.axisLabel"]
        for override in panel["fieldConfig"]["overrides"]
    }
    assert labels == {name: name for name in ("parked", "rejected", "waiting in the inbox", "late")}


def test_the_services_are_shown_by_metrics_that_exist() -> None:
    board = json.loads((FOLDER / "dashboards" / "services.json").read_text())
    known = {f"{row.name}{end}" for row in listed_metrics() for end in ("", "_total", "_bucket", "_count")}
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(asked) == 6
    for expression in asked:
        names = re.findall(r"tailrace_\w+", expression)
        assert names
        assert known.issuperset(names), expression

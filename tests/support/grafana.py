"""Grafana's provisioned files, and their queries as its Postgres data source sends them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
ALL = "$__all"
ROLLUPS = "Rollups"
"""The dashboard whose queries need a declared rollup."""
_VARIABLE = re.compile(r"\$\{(\w+):(sqlstring|raw)\}")
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")


class Query(NamedTuple):
    """A query of a panel, a variable or an alert, with its title."""

    where: str
    title: str
    sql: str


def queries() -> Iterator[Query]:
    """Yields the queries of the committed files, but for those of ``rollup_queries``."""
    return (query for query in _queries() if query.where != ROLLUPS)


def rollup_queries() -> dict[str, str]:
    """Returns the queries of the dashboard of rollups by title."""
    return {query.title: query.sql for query in _queries() if query.where == ROLLUPS}


def _queries() -> Iterator[Query]:
    for file in sorted((FOLDER / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                if "rawSql" in target:  # not of Prometheus
                    yield Query(board["title"], panel["title"], target["rawSql"])
        for variable in board.get("templating", {}).get("list", []):
            if variable["type"] == "query":
                yield Query(board["title"], variable["label"], variable["query"])
        assert not board["annotations"].get("list"), "annotations have queries too"
    alerts = YAML(typ="safe").load(FOLDER / "provisioning" / "alerting" / "alerts.yaml")
    for group in alerts["groups"]:
        for rule in group["rules"]:
            for asked in rule["data"]:
                if "rawSql" in asked["model"]:
                    yield Query("alerts", rule["title"], asked["model"]["rawSql"])


def all_values() -> dict[str, str]:
    """Returns the values of the dashboards' variables for "All"."""
    found: dict[str, str] = {}
    for file in (FOLDER / "dashboards").glob("*.json"):
        for variable in json.loads(file.read_text()).get("templating", {}).get("list", []):
            found[variable["name"]] = variable.get("allValue")
    return found


def expand(sql: str, start: datetime, end: datetime, chosen: Mapping[str, Sequence[str]]) -> str:
    """Returns the statement that the database gets, with variables and macros expanded.

    The "All" value of a variable is inserted as it is; chosen values are quoted and joined by commas. Supports those
    macros of pkg/tsdb/grafana-postgresql-datasource/macros.go that the files use.
    """
    everything = all_values()

    def variable(match: re.Match[str]) -> str:
        values = chosen[match[1]]
        if match[2] == "raw":
            return "".join(values)
        if list(values) == [ALL]:
            return everything[match[1]]
        return ",".join("'" + value.replace("'", "''") + "'" for value in values)

    def macro(match: re.Match[str]) -> str:
        first, last = (f"'{at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}'" for at in (start, end))
        known = {
            "__timeFrom": first,
            "__timeTo": last,
            "__timeFilter": f"{match[2]} BETWEEN {first} AND {last}",
        }
        return known[match[1]]

    text = _MACRO.sub(macro, _VARIABLE.sub(variable, sql))
    assert "$" not in text, f"not expanded: {text}"
    return text


def provisioned(name: str) -> Any:
    """Reads a provisioning file."""
    return YAML(typ="safe").load(FOLDER / "provisioning" / name)

"""Metrics as served, and as docs/metrics.md lists them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*) \|$")


class Family(NamedTuple):
    """A metric of one service. ``values`` by label values in the order of ``labels``; for histograms the counts."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]
    values: dict[tuple[str, ...], float]


class Listed(NamedTuple):
    """A row of the page."""

    name: str
    kind: str
    services: tuple[str, ...]
    labels: tuple[str, ...]
    meaning: str


def families(scraped: Iterable[Metric]) -> list[Family]:
    """Returns the metrics of one scrape, without creation times."""
    found = []
    for metric in scraped:
        if metric.name.endswith("_created"):
            continue
        samples = [one for one in metric.samples if not one.name.endswith(("_bucket", "_sum", "_created"))]
        labels = tuple(sorted(samples[0].labels)) if samples else ()
        values = {tuple(one.labels[label] for label in labels): one.value for one in samples}
        found.append(Family(metric.name, metric.type, metric.documentation, labels, values))
    return found


def listed_metrics() -> list[Listed]:
    """Returns the rows of the page."""
    rows = (_ROW.match(line) for line in PAGE.read_text().splitlines())
    return [
        Listed(name, kind, tuple(services.split(", ")), tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, services, labels, meaning in (row.groups() for row in rows if row)
    ]


def rows(served: dict[str, list[Family]]) -> str:
    """Returns the rows that the page must have for the served metrics."""
    services: dict[tuple[str, str, str], list[str]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for service, found in served.items():
        for family in found:
            services.setdefault((family.name, family.kind, family.meaning), []).append(service)
            labels[family.name] = labels.get(family.name) or family.labels
    ours = sorted(services, key=lambda one: (not one[0].startswith("tailrace"), one[0]))
    return "\n".join(
        f"| `{name}` | {kind} | {', '.join(services[name, kind, meaning])} | "
        f"{', '.join(f'`{label}`' for label in labels[name])} | {meaning} |"
        for name, kind, meaning in ours
    )

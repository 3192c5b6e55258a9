"""The files of deploy/grafana."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from tools.grafana.alerts import provisioning
from tools.grafana.dashboards import live, pipeline, rollups, services
from tools.grafana.parts import SOURCE_TYPE, SOURCE_UID

_HEAD = "# Written by `./just dashboards`; change tools/grafana.\n"


def files() -> Iterator[tuple[Path, str]]:
    """Each file's place below deploy/grafana, and its text."""
    for name, board in {"live": live(), "pipeline": pipeline(), "rollups": rollups(), "services": services()}.items():
        text = json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        yield Path("dashboards", f"{name}.json"), text + "\n"
    folder = Path("provisioning")
    yield folder / "alerting" / "alerts.yaml", _yaml(provisioning())
    yield folder / "dashboards" / "dashboards.yaml", _yaml(_DASHBOARDS)
    yield folder / "datasources" / "database.yaml", _yaml(_DATABASE)


_DASHBOARDS = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "tailrace",
            "folder": "Tailrace",
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": "/etc/grafana/dashboards"},
        }
    ],
}
_DATABASE = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Tailrace",
            "uid": SOURCE_UID,
            "type": SOURCE_TYPE,
            "access": "proxy",
            "url": "timescaledb:5432",
            "user": "grafana_reader",
            "isDefault": True,
            "editable": False,
            "jsonData": {
                "database": "$DB_NAME",
                "sslmode": "disable",
                "maxOpenConns": 5,
                "connMaxLifetime": 14400,
                "postgresVersion": 1500,
                "timescaledb": True,
            },
            "secureJsonData": {"password": "$GRAF_DB_PASS"},
        }
    ],
}


def _yaml(content: dict[str, Any]) -> str:
    writer = YAML()
    writer.width = 100_000  # never wrap a line of a query
    writer.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    writer.dump(_with_blocks(content), text)
    return _HEAD + text.getvalue()


def _with_blocks(node: Any) -> Any:
    """Write text of several lines as a block, not as one line with ``\\n`` in it."""
    if isinstance(node, dict):
        return {key: _with_blocks(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_with_blocks(value) for value in node]
    return LiteralScalarString(node) if isinstance(node, str) and "\n" in node else node

"""Logging of the services: one line per message, on standard error."""

import logging
import sys
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

from runtime.printable import printable


def configure_logging(level: str, form: Literal["text", "json"] = "text", service: str = "") -> None:
    """Logs the project's messages, and the warnings of libraries, to standard error.

    ``json`` lines have time (RFC 3339), level, logger, service and message, the message's own fields, and its trace.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(service) if form == "json" else _Text())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tailrace").setLevel(level.upper())


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(map(printable, super().formatException(ei).splitlines()))


class _Json(JsonFormatter):
    def __init__(self, service: str) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"service": service} if service else {},
            timestamp="time",
        )

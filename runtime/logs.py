"""What services print: one line per thing that matters, on standard error."""

import logging
import sys
from typing import Literal

from pythonjsonlogger.json import JsonFormatter


def configure_logging(level: str, form: Literal["text", "json"] = "text", service: str = "") -> None:
    """Sends the project's messages, and other libraries' warnings, to standard error.

    As ``text`` a line is for people; as ``json`` it is an object with time (RFC 3339), level, logger, service, message,
    whatever else the message is about, and the trace it belongs to, if it does.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(service) if form == "json" else _Text())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tailrace").setLevel(level.upper())


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")


class _Json(JsonFormatter):
    def __init__(self, service: str) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"service": service} if service else {},
            timestamp="time",
        )

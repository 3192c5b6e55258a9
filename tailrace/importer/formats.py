"""The formats of ``tailrace import``: each has a parser from a line to an event."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from contracts.errors import EventRejectedError
from contracts.events import complete_event
from tailrace.importer.exclusions import Exclusions
from tailrace.importer.logs.combined import parse_combined
from tailrace.importer.logs.json_lines import parse_json
from tailrace.importer.logs.load_balancer import parse_load_balancer
from tailrace.importer.logs.requests import Request, encode_request
from tailrace.importer.logs.w3c import W3cParser

Format = Literal["auto", "ndjson", "combined", "json", "w3c", "elb"]
Known = Literal["ndjson", "combined", "json", "w3c", "elb"]

LineParser = Callable[[bytes, Callable[[], UUID]], bytes | None]
"""Returns the event of a line as one line of JSON; None if the line is a directive or excluded.

Raises ``EventRejectedError`` with a code and a reason."""

_LOGS: dict[Known, Callable[[], Callable[[bytes], Request | None]]] = {
    "combined": lambda: parse_combined,
    "json": lambda: parse_json,
    "w3c": W3cParser,
    "elb": lambda: parse_load_balancer,
}


def parser_of(format: Known, exclusions: Exclusions) -> LineParser:
    """Returns a new parser for one file."""
    if format == "ndjson":
        return _parse_ndjson
    return _request_parser(_LOGS[format](), exclusions.leave_out if exclusions else None)


def detect(lines: Iterable[bytes]) -> Known:
    """Returns the first format that reads one of ``lines``, which are the first of a file.

    If none does: ndjson if a line starts like JSON, else combined; their reasons name what is missing.
    """
    known: list[Known] = ["ndjson", "combined", "json", "w3c", "elb"]
    for line in lines:
        for format in known:
            try:
                parser_of(format, Exclusions())(line, uuid4)
            except EventRejectedError:
                continue
            return format
    return "ndjson" if any(line.lstrip()[:1] in (b"{", b"[") for line in lines) else "combined"


def _parse_ndjson(line: bytes, new_id: Callable[[], UUID]) -> bytes:
    return complete_event(line, now=datetime.now(UTC), new_id=new_id)


def _request_parser(
    parse: Callable[[bytes], Request | None], leave_out: Callable[[Request], bool] | None
) -> LineParser:
    def parse_line(line: bytes, new_id: Callable[[], UUID]) -> bytes | None:
        request = parse(line)
        if request is None or (leave_out is not None and leave_out(request)):
            return None
        return encode_request(request, new_id)

    return parse_line

"""Parses access logs of AWS load balancers: application load balancers (ALB) and classic ones (ELB)."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from contracts.errors import EventRejectedError
from tailrace.importer.logs.combined import split_request, text_of
from tailrace.importer.logs.requests import Request, without_port

_LINE = re.compile(
    r"(?:(?:https?|h2|wss?|grpcs?) )?(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) \S+ (?P<client>\S+) \S+"
    r" [\d.-]+ [\d.-]+ [\d.-]+ (?P<status>\d{3}|-) (?:\d{3}|-) \d+ (?P<bytes>\d{1,18})"
    r' "(?P<request>[^"]*)" "(?P<agent>[^"]*)".*'
)


def parse_load_balancer(line: bytes) -> Request:
    """Returns the request of a line.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    match = _LINE.fullmatch(line.decode(errors="backslashreplace"))
    if match is None:
        raise EventRejectedError("not_elb", "the line is not one of an AWS load balancer's access log")
    request = text_of(match["request"])
    method, url, protocol = split_request(request)
    host, path = _host_and_path(url) if url else (None, None)
    try:
        at = datetime.fromisoformat(match["time"])
    except ValueError:
        raise EventRejectedError("not_elb", f"{match['time']} is not a valid time") from None
    return Request(
        without_port(match["client"]),
        at,
        method,
        path,
        protocol,
        int(match["status"]) if match["status"] != "-" else None,
        int(match["bytes"]),
        None,
        text_of(match["agent"]),
        host,
        None if method else request,
    )


def _host_and_path(url: str) -> tuple[str | None, str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None, url
    if host is None:
        return None, url
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

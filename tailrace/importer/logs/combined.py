r"""Parses the combined access-log format of Apache and nginx, and the common format, which lacks its last two fields.

``host ident user [time] "request" status bytes "referrer" "agent"``; further fields are ignored. The host may be a list
of addresses (``X-Forwarded-For``), of which the first is the client's, and the virtual host may precede it, as in
``other_vhosts_access.log``. A last field without its closing quote is accepted. The expression is our own because the
available parsers refuse such lines. Requests that were not HTTP have their text in ``request``; their ``method`` and
``path`` are null.

In quoted fields ``\"`` and ``\\`` are unescaped. Other escapes (``\x16``) stay as they are; bytes that are not UTF-8
are escaped in the same way.
"""

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from contracts.errors import EventRejectedError
from tailrace.importer.logs.requests import Request, without_port

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LAST = r'"([^"\\]*(?:\\.[^"\\]*)*\\?)(?:"|$)'
_TIME = r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z][a-z])/(?P<year>\d{4}):(?P<time>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})\]"
_LINE = re.compile(
    r"(?:(?P<vhost>[\w.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5} (?=[^ ]*[.:]))?"
    r"(?P<host>[^\s,]+),? .*?"  # more addresses, ident and user: a user may contain spaces
    + _TIME
    + " "
    + _QUOTED.replace("(", "(?P<request>", 1)
    + r" (?P<status>\d{3}|-) (?P<bytes>\d{1,18}|-)"
    + rf"(?: {_LAST.replace('(', '(?P<referrer>', 1)}(?: {_LAST.replace('(', '(?P<agent>', 1)})?)?"
    + r"(?: .*)?"
)
_REQUEST = re.compile(r"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) (?P<path>\S.*?)(?: (?P<protocol>HTTP/\d(?:\.\d)?))?")
_ESCAPED = re.compile(r'\\(["\\])')
_MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}  # those of strptime depend on the locale


def parse_combined(line: bytes) -> Request:
    """Returns the request of a line; ``-`` for the bytes, the format's notation for an empty body, is 0.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    # a power failure leaves NULs before a line
    text = line.decode(errors="backslashreplace").lstrip("\0").replace("\0", "\\x00")
    match = _LINE.fullmatch(text)
    if match is None:
        raise EventRejectedError("not_combined", _reason(text))
    request = text_of(match["request"])
    method, path, protocol = split_request(request)
    return Request(
        without_port(match["host"]),
        _time(match),
        method,
        path,
        protocol,
        int(match["status"]) if match["status"] != "-" else None,
        int(match["bytes"]) if match["bytes"] != "-" else 0,
        text_of(match["referrer"]),
        text_of(match["agent"]),
        match["vhost"],
        None if method else request,
    )


def split_request(request: str | None) -> tuple[str | None, str | None, str | None]:
    """Returns method, path and protocol of a request's first line; None each if it is not HTTP."""
    known = _REQUEST.fullmatch(request or "")
    return (known["method"], known["path"], known["protocol"]) if known else (None, None, None)


def text_of(field: str | None) -> str | None:
    """Returns a field without escapes; None if it is empty, missing or ``-``."""
    if field is None or field in ("", "-"):
        return None
    return _ESCAPED.sub(r"\1", field) if "\\" in field else field


def parse_time(text: str) -> datetime:
    """Returns the time of ``17/May/2015:10:05:03 +0000``.

    Raises:
        EventRejectedError: it is not such a time.
    """
    match = re.fullmatch(_TIME, f"[{text}]")
    if match is None:
        raise EventRejectedError("not_a_time", f"{text[:40]!r} is not a time such as 17/May/2015:10:05:03 +0000")
    return _time(match)


def _time(match: "re.Match[str]") -> datetime:
    hours, minutes, seconds = match["time"].split(":")
    try:
        return datetime(
            int(match["year"]),
            _MONTHS[match["month"]],
            int(match["day"]),
            int(hours),
            int(minutes),
            int(seconds),
            tzinfo=_zone(match["zone"]),
        )
    except (KeyError, ValueError):
        raise EventRejectedError("not_combined", "the time in brackets is not a valid time") from None


@lru_cache(maxsize=64)
def _zone(text: str) -> timezone:
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return timezone(-offset if text[0] == "-" else offset)


def _reason(text: str) -> str:
    if re.search(rf"{_TIME} ", text) is None:
        return "there is no time such as [17/May/2015:10:05:03 +0000]"
    if re.search(rf"\] {_QUOTED} ", text) is None:
        return "the quoted request after the time is missing or not closed"
    return "status and size do not follow the request"

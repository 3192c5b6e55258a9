r"""Parses the combined access-log format of Apache and nginx, and the common format, which lacks its last two fields.

``host ident user [time] "request" status bytes "referrer" "agent"``; further fields are ignored. A last field without
its closing quote is accepted. The expression is our own because the available parsers refuse such lines. Requests that
were not HTTP have their text in ``request``; their ``method`` and ``path`` are null.

In quoted fields ``\"`` and ``\\`` are unescaped. Other escapes (``\x16``) stay as they are; bytes that are not UTF-8
are escaped in the same way.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw

from contracts.errors import EventRejectedError
from contracts.events import Event, encode_event, read_event

EVENT_TYPE = "http_request"

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LAST = r'"([^"\\]*(?:\\.[^"\\]*)*\\?)(?:"|$)'
_LINE = re.compile(
    r"(?P<host>\S+) .*?"  # ident and user: a user may contain spaces
    r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z][a-z])/(?P<year>\d{4}):(?P<time>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})\] "
    + _QUOTED.replace("(", "(?P<request>", 1)
    + r" (?P<status>\d{3}|-) (?P<bytes>\d{1,18}|-)"
    + rf"(?: {_LAST.replace('(', '(?P<referrer>', 1)}(?: {_LAST.replace('(', '(?P<agent>', 1)})?)?"
    + r"(?: .*)?"
)
_REQUEST = re.compile(r"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) (?P<path>\S.*?)(?: (?P<protocol>HTTP/\d(?:\.\d)?))?")
_ESCAPED = re.compile(r'\\(["\\])')
_MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}  # those of strptime depend on the locale


def parse_combined(line: bytes, new_id: Callable[[], UUID]) -> bytes:
    """Returns the event of a line as one line of JSON.

    ``event_type`` is ``http_request``; ``user_id`` is derived from the client's address; ``created_at`` is the time of
    the request. ``event_data`` has ``method``, ``path``, ``protocol``, ``status``, ``bytes`` (0 for ``-``, the format's
    notation for an empty body), ``referrer`` and ``agent``; a missing field or ``-`` is null.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    # a power failure leaves NULs before a line
    text = line.decode(errors="backslashreplace").lstrip("\0").replace("\0", "\\x00")
    match = _LINE.fullmatch(text)
    if match is None:
        raise EventRejectedError("not_combined", _reason(text))
    event = Event(
        new_id(),
        EVENT_TYPE,
        user_of(match["host"]),
        _time(match),
        Raw(msgspec.json.encode(_data(match))),
    )
    payload = encode_event(event)
    read_event(payload, now=datetime.now(UTC), new_id=new_id)
    return payload


def user_of(address: str) -> int:
    """Returns a stable number of 63 bits for a client address.

    It hides the address from readers, but not from anyone who tries all addresses.
    """
    return int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big") >> 1


def _data(match: "re.Match[str]") -> dict[str, Any]:
    request = _text(match["request"])
    known = _REQUEST.fullmatch(request or "")
    data: dict[str, Any] = {
        "method": known and known["method"],
        "path": known and known["path"],
        "protocol": known and known["protocol"],
        "status": int(match["status"]) if match["status"] != "-" else None,
        "bytes": int(match["bytes"]) if match["bytes"] != "-" else 0,
        "referrer": _text(match["referrer"]),
        "agent": _text(match["agent"]),
    }
    if request and not known:
        data["request"] = request
    return data


def _text(field: str | None) -> str | None:
    if field is None or field in ("", "-"):
        return None
    return _ESCAPED.sub(r"\1", field) if "\\" in field else field


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
    if re.search(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] ", text) is None:
        return "there is no time such as [17/May/2015:10:05:03 +0000]"
    if re.search(rf"\] {_QUOTED} ", text) is None:
        return "the quoted request after the time is missing or not closed"
    return "status and size do not follow the request"

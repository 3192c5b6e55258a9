r"""The combined access-log format of Apache and nginx; the common format is the same without its last two fields.

``host ident user [time] "request" status bytes "referrer" "agent"``, and whatever follows is ignored. A last field
that is not closed is taken as far as it goes. A hand-written expression, because the parsers to be had refuse such
lines whole. Real logs also hold requests that were not HTTP: those keep their text in ``request``, and ``method`` and
``path`` are null.

In quoted fields ``\"`` and ``\\`` are unescaped. Other escapes (``\x16``) stay as the server wrote them, and bytes that
are not UTF-8 are written the same way: they have no place in text.
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
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}  # strptime's depend on the locale


def parse_combined(line: bytes, new_id: Callable[[], UUID]) -> bytes:
    """The event of a line, as one line of JSON.

    ``event_type`` is ``http_request``, ``user_id`` comes from the client's address, ``created_at`` is the request's
    time, ``event_data`` has ``method``, ``path``, ``protocol``, ``status``, ``bytes`` (0 for ``-``, which is how the
    format writes an empty body), ``referrer`` and ``agent``; null where the line has ``-`` or nothing.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    # NULs stand before a line that was being written when a machine lost power
    text = line.decode(errors="backslashreplace").lstrip("\0").replace("\0", "\\x00")
    match = _LINE.fullmatch(text)
    if match is None:
        raise EventRejectedError("not_combined", _what_is_wrong(text))
    event = Event(
        new_id(),
        EVENT_TYPE,
        user_of(match["host"]),
        _moment(match),
        Raw(msgspec.json.encode(_data(match))),
    )
    payload = encode_event(event)
    read_event(payload, now=datetime.now(UTC), new_id=new_id)
    return payload


def user_of(address: str) -> int:
    """A stable number of 63 bits for a client address.

    It hides the address from readers, not from someone who tries every address there is.
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


def _moment(match: "re.Match[str]") -> datetime:
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
        raise EventRejectedError("not_combined", "the time in brackets does not exist") from None


@lru_cache(maxsize=64)
def _zone(text: str) -> timezone:
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return timezone(-offset if text[0] == "-" else offset)


def _what_is_wrong(text: str) -> str:
    if re.search(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] ", text) is None:
        return "there is no time such as [17/May/2015:10:05:03 +0000]"
    if re.search(rf"\] {_QUOTED} ", text) is None:
        return "the quoted request after the time is missing or not closed"
    return "status and size do not follow the request"

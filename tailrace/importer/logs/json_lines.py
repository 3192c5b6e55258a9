"""Parses access logs of JSON lines: those of Caddy and Traefik, and of nginx with a ``log_format`` of usual names.

nginx has no names of its own for JSON: each field is read from the variable's name (``remote_addr``, ``request_uri``,
``status``, ``body_bytes_sent``, ``http_referer``, ``http_user_agent``), the time from ``time_iso8601``, ``time_local``
or ``msec``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts.errors import EventRejectedError
from tailrace.importer.logs.combined import parse_time, split_request, text_of
from tailrace.importer.logs.requests import Request, without_port

_CODE = "not_a_request"


def parse_json(line: bytes) -> Request:
    """Returns the request of a line.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EventRejectedError("invalid_json", str(error)) from None
    if not isinstance(entry, dict):
        raise EventRejectedError(_CODE, "the line is not a JSON object")
    if isinstance(entry.get("request"), dict):
        return _caddy(entry, entry["request"])
    if "RequestMethod" in entry:
        return _traefik(entry)
    return _nginx(entry)


def _caddy(entry: Mapping[str, Any], request: Mapping[str, Any]) -> Request:
    headers = request.get("headers")
    fields = headers if isinstance(headers, dict) else {}
    return Request(
        _required(request, "client_ip", "remote_ip", "remote_addr"),
        _time(_required(entry, "ts", "time")),
        _text(request, "method"),
        _text(request, "uri"),
        _text(request, "proto"),
        _number(entry, "status"),
        _number(entry, "size") or 0,
        _header(fields, "Referer"),
        _header(fields, "User-Agent"),
        _text(request, "host"),
    )


def _traefik(entry: Mapping[str, Any]) -> Request:
    return Request(
        _required(entry, "ClientHost", "ClientAddr"),
        _time(_required(entry, "StartUTC", "StartLocal", "time")),
        _text(entry, "RequestMethod"),
        _text(entry, "RequestPath"),
        _text(entry, "RequestProtocol"),
        _number(entry, "DownstreamStatus", "OriginStatus"),
        _number(entry, "DownstreamContentSize", "OriginContentSize") or 0,
        _text(entry, "request_Referer"),
        _text(entry, "request_User-Agent"),
        _text(entry, "RequestHost"),
    )


def _nginx(entry: Mapping[str, Any]) -> Request:
    request = _text(entry, "request")
    method, path, protocol = split_request(request)
    method = method or _text(entry, "request_method", "method")
    forwarded = _text(entry, "http_x_forwarded_for")
    return Request(
        forwarded.split(",")[0].strip() if forwarded else _required(entry, "remote_addr", "client_ip", "client"),
        _time(_required(entry, "time_iso8601", "time_local", "msec", "timestamp", "time", "@timestamp")),
        method,
        path or _text(entry, "request_uri", "uri", "path"),
        protocol or _text(entry, "server_protocol"),
        _number(entry, "status"),
        _number(entry, "body_bytes_sent", "bytes_sent") or 0,
        _text(entry, "http_referer", "http_referrer"),
        _text(entry, "http_user_agent"),
        _text(entry, "host", "http_host", "server_name"),
        None if method else request,
    )


def _required(entry: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if entry.get(name) not in (None, "", "-"):
            value = str(entry[name])
            return without_port(value) if name.endswith(("ddr", "client")) else value
    raise EventRejectedError(_CODE, f"the line has no field {' or '.join(names)}")


def _text(entry: Mapping[str, Any], *names: str) -> str | None:
    found = (entry[name] for name in names if isinstance(entry.get(name), str))
    return next((text for text in map(text_of, found) if text is not None), None)


def _number(entry: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        text = str(entry.get(name, ""))
        if text.isascii() and text.isdigit() and len(text) < 19 and text != "0":
            return int(text)
    return None


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    values = headers.get(name)
    return text_of(str(values[0])) if isinstance(values, list) and values else None


def _time(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        at = datetime.fromisoformat(text.replace("/", "-") if text[4:5] == "/" else text)
    except ValueError:
        return parse_time(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)

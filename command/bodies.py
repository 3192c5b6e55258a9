"""Splits a request's body into events, each of which is validated separately."""

import json
import re

import msgspec
from msgspec import Raw

MAX_EVENTS = 100_000
"""Events of one body; the answer has an item for each."""

_ONE = "one"
_LINES = "lines"
_SNIFF = "sniff"

_NDJSON = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines")
)
_UNSUPPORTED = ("multipart/", "image/", "audio/", "video/", "font/")


class BadBodyError(Exception):
    """The body can't be split into events; ``status`` is HTTP's, ``title`` the problem's if it is not the usual one."""

    def __init__(self, status: int, message: str, title: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.title = title


def split_body(body: bytes, content_type: str) -> list[bytes]:
    """Returns the events of a body as JSON texts, in order: the elements of an array, the lines, or the only one.

    ``content_type`` decides; without a meaningful one (curl's default, none at all) the body does.

    Raises:
        BadBodyError: it is empty, not JSON, of an unsupported media type, or has too many events.
    """
    body = body.strip()
    if not body:
        raise BadBodyError(400, "the body is empty: send one event, an array of events, or one event per line")
    raws = _split(body, _form(content_type.partition(";")[0].strip().lower()))
    if not raws:
        raise BadBodyError(400, "the array is empty: send at least one event")
    if len(raws) > MAX_EVENTS:
        raise BadBodyError(413, f"the body has {len(raws):,} events, and the limit is {MAX_EVENTS:,}")
    return raws


def _form(media_type: str) -> str:
    if media_type in _NDJSON:
        return _LINES
    if media_type == "application/json" or media_type.endswith("+json"):
        return _ONE
    if media_type.startswith(_UNSUPPORTED):
        raise BadBodyError(415, f"{media_type} is not supported: send application/json or application/x-ndjson")
    return _SNIFF


def _split(body: bytes, form: str) -> list[bytes]:
    if form == _LINES:
        return _lines(body)
    if body.startswith(b"["):
        return _elements(body)
    try:
        msgspec.json.decode(body, type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        if form == _SNIFF and b"\n" in body:
            return _lines(body)
        if not _is_json(body):
            raise BadBodyError(400, f"the body is not JSON: {error}") from None
    return [body]


def _lines(body: bytes) -> list[bytes]:
    return [line for line in map(bytes.strip, body.split(b"\n")) if line]


def _elements(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in msgspec.json.decode(body, type=list[Raw])]
    except (msgspec.DecodeError, RecursionError) as error:
        # one malformed element (a lone surrogate, a bad number, deep nesting) must not affect the others
        if (found := _balanced_elements(body)) is None:
            raise BadBodyError(400, f"the body is not a JSON array: {error}") from None
        return found


def _is_json(body: bytes) -> bool:
    # slower than msgspec, but accepts lone surrogates and numbers that are too large
    try:
        json.loads(body)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)


def _balanced_elements(body: bytes) -> list[bytes] | None:
    # brackets and strings only; None if they don't match
    elements: list[bytes] = []
    opened = bytearray()
    start = 1
    for token in _TOKEN.finditer(body):
        sign = token[0]
        if sign in b"[{":
            opened += sign
        elif sign in b"]}":
            if not opened or opened.pop() + 2 != sign[0]:  # "]" and "}" are two after "[" and "{"
                return None
            if not opened:
                elements.append(body[start : token.start()].strip())
                return elements if token.end() == len(body) and all(elements) else None
        elif sign == b",":
            if len(opened) == 1:
                elements.append(body[start : token.start()].strip())
                start = token.end()
        elif sign == b'"':
            return None  # a string without an end
    return None

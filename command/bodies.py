"""Splits a request's body into events, each of which is validated separately.

Any body up to the limit is split in slices that hold the event loop for some milliseconds: events are counted before
they are copied, and whatever Python reads token by token gives other requests a turn in between.
"""

import asyncio
import json
import re
from functools import lru_cache

import msgspec
from msgspec import Raw

MAX_EVENTS = 10_000
"""Events of one body; the answer has an item for each."""
SLICE_TOKENS = 10_000
"""Tokens that are scanned before other requests get a turn."""
_MANY_COMMAS = 20 * MAX_EVENTS
"""Commas from which elements are counted one by one; msgspec would first copy millions of them."""
_ONE_EVENT = 128 * 1024
"""Bytes of one event that is parsed a second time if msgspec cannot read it; longer events are rejected in any case."""

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


async def split_body(body: bytes, content_type: str) -> list[bytes]:
    """Returns the events of a body as JSON texts, in order: the elements of an array, the lines, or the only one.

    ``content_type`` decides; without a meaningful one (curl's default, none at all) the body does.

    Raises:
        BadBodyError: it is empty, not JSON, of an unsupported media type, or has too many events.
    """
    body = body.strip()
    if not body:
        raise BadBodyError(400, "the body is empty: send one event, an array of events, or one event per line")
    form = _form(content_type)
    if form == _LINES:
        return _lines(body)
    if body.startswith(b"["):
        return await _elements(body)
    try:
        msgspec.json.decode(body, type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        if form == _SNIFF and b"\n" in body:
            return _lines(body)
        if len(body) > _ONE_EVENT or not _is_json(body):
            raise BadBodyError(400, f"the body is not JSON: {error}") from None
    return [body]


@lru_cache(maxsize=100)
def _form(content_type: str) -> str:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in _NDJSON:
        return _LINES
    if media_type == "application/json" or media_type.endswith("+json"):
        return _ONE
    if media_type.startswith(_UNSUPPORTED):
        raise BadBodyError(415, f"{media_type} is not supported: send application/json or application/x-ndjson")
    return _SNIFF


def _too_many(kind: str, count: str) -> BadBodyError:
    return BadBodyError(413, f"the body has {count} {kind}, and the limit is {MAX_EVENTS:,}: send several bodies")


def _lines(body: bytes) -> list[bytes]:
    if (count := body.count(b"\n") + 1) > MAX_EVENTS:
        raise _too_many("lines", f"{count:,}")
    return [line for line in map(bytes.strip, body.split(b"\n")) if line]


async def _elements(body: bytes) -> list[bytes]:
    error: Exception | None = None
    if body.count(b",") < _MANY_COMMAS:
        try:
            raws = msgspec.json.decode(body, type=list[Raw])
        except (msgspec.DecodeError, RecursionError) as failed:
            # one malformed element (a lone surrogate, a bad number, deep nesting) must not affect the others
            error = failed
        else:
            if not raws:
                raise BadBodyError(400, "the array is empty: send at least one event")
            if len(raws) > MAX_EVENTS:
                raise _too_many("events", f"{len(raws):,}")
            return [bytes(raw) for raw in raws]
    if (found := await _balanced_elements(body)) is None:
        raise BadBodyError(400, f"the body is not a JSON array: {error or 'its brackets or quotes do not match'}")
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


# possessive, since a string without an end would be searched from its end back to its start
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


async def _balanced_elements(body: bytes) -> list[bytes] | None:
    # brackets and strings only; None if they don't match
    elements: list[bytes] = []
    opened = bytearray()
    start = 1
    for number, token in enumerate(_TOKEN.finditer(body), 1):
        if number % SLICE_TOKENS == 0:
            await asyncio.sleep(0)
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
                if len(elements) >= MAX_EVENTS:
                    raise _too_many("events", f"more than {MAX_EVENTS:,}")
        elif sign == b'"':
            return None  # a string without an end
    return None

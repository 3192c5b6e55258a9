"""Reads the dimensions and numbers of a rollup from an event's JSON text, by code that the projector does not use.

Numbers stay the text that their sender wrote: their canonical text comes from moving the decimal point, their value is
a fraction.
"""

import json
import re
from fractions import Fraction
from functools import cache
from typing import Any

from contracts.events import Event

MAX_TEXT = 256

_LITERAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")


class Literal(str):
    """A JSON number as its sender wrote it."""


_DECODER = json.JSONDecoder(parse_int=Literal, parse_float=Literal)


def read_data(event: Event) -> dict[str, Any]:
    """Returns ``event_data`` with every number as a ``Literal``."""
    found: dict[str, Any] = _DECODER.decode(bytes(event.event_data).decode())
    return found


def value_at(event: Event, data: dict[str, Any], path: str) -> Any:
    """Returns the value at a path; None if there is none."""
    if path == "event_type":
        return event.event_type
    if path == "user_id":
        return None if event.user_id is None else Literal(event.user_id)
    value: Any = data
    for key in _keys(path):
        try:
            value = value[int(key) if isinstance(value, list) and re.fullmatch("[0-9]+", key) else key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


@cache
def _keys(path: str) -> list[str]:
    return path.removeprefix("event_data.").split(".")


def text_of(value: Any) -> str | None:
    """Returns the text of a dimension; None for null, objects and arrays."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = _canonical(value) if isinstance(value, Literal) else value
    if len(text) * 4 <= MAX_TEXT:  # a character has 4 bytes at most
        return text
    raw = text.encode()
    end = MAX_TEXT
    while end < len(raw) and raw[end] & 0xC0 == 0x80:  # within a character
        end -= 1
    return bytes(raw[:end]).decode()


def _canonical(literal: Literal) -> str:
    match = _LITERAL.fullmatch(literal)
    assert match is not None
    sign, whole, part, exponent = match.groups(default="")
    point = len(whole) + int(exponent or 0)
    digits = whole + part
    digits = "0" * -point + digits if point < 0 else digits
    point = max(point, 0)
    digits = digits.ljust(point, "0")
    before, behind = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    text = f"{before}.{behind}" if behind else before
    return text if text == "0" else sign + text


def number_of(value: Any) -> Fraction | None:
    """Returns the exact value of a number; None for anything else."""
    return Fraction(value) if isinstance(value, Literal) else None

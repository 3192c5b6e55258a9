"""Values of an event: where they are, and their one form as text or number."""

from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from tailrace.declared.errors import refuse

MAX_TEXT = 256
"""Bytes of a dimension's value in UTF-8; longer ones are cut."""
MAX_PATH = 512
MAX_DEPTH = 64
"""Levels of nesting in ``event_data``."""
EXACT = Context(prec=2_000, traps=[Inexact, InvalidOperation])
"""Adds numbers of ``event_data`` without rounding: each has at most 300 digits and an exponent of at most 308."""

FIELDS = ("event_type", "user_id")
"""Fields of an event that a path can name, besides properties of ``event_data``."""


def check_path(owner: str, attribute: str, path: object, *, fields: bool) -> str:
    """Returns a path: ``event_data.`` and keys joined by dots or, with ``fields``, a field of the event.

    Raises:
        DefinitionError: it is not a path.
    """
    allowed = "a property such as event_data.cart.total" + (", or event_type or user_id" if fields else "")
    if not isinstance(path, str):
        refuse(owner, attribute, f"{path!r} must be {allowed}")
    root, *keys = path.split(".")
    good = root == "event_data" and keys and all(keys) and len(keys) <= MAX_DEPTH and len(path) <= MAX_PATH
    if not ((good and "\0" not in path) or (fields and path in FIELDS)):
        refuse(owner, attribute, f"{path!r} must be {allowed}")
    return path


Finder = Callable[[str, int | None, dict[str, Any]], Any]
"""Returns a value, or None, from an event's type, user and data."""


def find_by(path: str) -> Finder:
    """Returns the function that finds the value at a path."""
    if path == "event_type":
        return lambda event_type, user_id, data: event_type
    if path == "user_id":
        return lambda event_type, user_id, data: user_id
    keys = path.split(".")[1:]
    if len(keys) == 1:
        key = keys[0]
        return lambda event_type, user_id, data: data.get(key)
    return lambda event_type, user_id, data: _descend(data, keys)


def _descend(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def as_text(value: Any) -> str | None:
    """Returns the value of a dimension: text, ``true``, ``false``, or a number in canonical decimal.

    None: the value is null, an object or an array.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, int):
        text = str(value)
    elif isinstance(value, Decimal):
        number = plain(value)
        text = str(number) if isinstance(number, int) else format(number, "f")
    else:
        return None
    if len(text) * 4 <= MAX_TEXT:
        return text
    return text.encode()[:MAX_TEXT].decode(errors="ignore")


def as_number(value: Any) -> int | Decimal | None:
    """Returns the value of a numeric measure, in its one form; None if it is not a number."""
    return plain(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None


def plain(number: int | Decimal) -> int | Decimal:
    """Returns the one form of a number: an int if it is integral, else a Decimal without trailing zeros."""
    if isinstance(number, int):
        return number
    if number == number.to_integral_value():
        return int(number)
    return number.normalize(EXACT)


def add(one: int | Decimal, other: int | Decimal) -> int | Decimal:
    """Returns the exact sum."""
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return EXACT.add(one, other)

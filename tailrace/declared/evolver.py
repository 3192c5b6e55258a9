"""Runs the code of a ``Fold`` on one event, and checks what it returns."""

import math
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tailrace.declared.definitions import Column, ColumnType, KeyField
from tailrace.declared.errors import EvolveError
from tailrace.declared.events import Event
from tailrace.declared.fold import Fold
from tailrace.declared.values import find_by

Key = tuple[int | str, ...]
Row = dict[str, Any]

INT64 = 2**63
MAX_KEY_TEXT = 2_000
"""Bytes of all text in one key: a row of a Postgres index ends at 2,704."""
MAX_DIGITS = 16_000
"""Digits before and behind a Decimal's point; numeric ends at 16,383 behind it."""


class Evolver:
    """Applies events to the rows of one fold."""

    def __init__(self, fold: type[Fold]) -> None:
        self.definition = definition = fold.definition()
        self._fold = fold()
        self._key = [(name, field, find_by(field.path)) for name, field in definition.key.items()]
        self._columns = [(name, column, _CHECKS[column.type]) for name, column in definition.columns.items()]

    def key(self, event: Event) -> Key | None:
        """Returns the key of an event; None: a part is missing or of another type, so the event is skipped.

        Raises:
            EvolveError: the key is too long.
        """
        key: list[int | str] = []
        text = 0
        for name, field, find in self._key:
            value = find(event.event_type, event.user_id, event.event_data)
            if not _is_key(field, value):
                return None
            if isinstance(value, str):
                text += len(value.encode())
                if text > MAX_KEY_TEXT:
                    raise EvolveError(f"{self._name}.key: {name!r} has more than {MAX_KEY_TEXT:,} bytes of text")
            key.append(value)
        return tuple(key)

    def evolve(self, row: Row | None, event: Event) -> Row | None:
        """Returns the row after an event, in the order of the columns and in one form per value; None: no row.

        Raises:
            EvolveError: the code raises, or does not return exactly the declared columns and types.
        """
        try:
            result = self._fold.evolve(None if row is None else MappingProxyType(row), event)
        except MemoryError:
            raise  # of this machine, not of the event
        except (Exception, SystemExit) as error:
            raise EvolveError(f"{self._name}.evolve: {type(error).__name__}: {error}{_place(error)}") from error
        if result is None:
            return None
        if not isinstance(result, Mapping):
            raise EvolveError(f"{self._name}.evolve: it must return a dict or None, not {type(result).__name__}")
        if result.keys() != self.definition.columns.keys():
            raise EvolveError(self._differing(set(result)))
        return {name: self._checked(name, column, check, result[name]) for name, column, check in self._columns}

    @property
    def _name(self) -> str:
        return self.definition.class_name

    def _differing(self, returned: set[Any]) -> str:
        declared = set(self.definition.columns)
        parts = {"undeclared": returned - declared, "missing": declared - returned}
        listed = "; ".join(f"{what}: {', '.join(sorted(map(str, names)))}" for what, names in parts.items() if names)
        return f"{self._name}.evolve: the row must have exactly the declared columns ({listed})"

    def _checked(self, name: str, column: Column, check: "Callable[[Any], Any]", value: Any) -> Any:
        if value is None and column.nullable:
            return None
        try:
            return check(value)
        except (TypeError, ValueError, OverflowError) as error:
            optional = " or None" if column.nullable else ""
            raise EvolveError(
                f"{self._name}.evolve: {name!r} must be {column.type}{optional}, not {_shown(value)}: {error}"
            ) from None


def _is_key(field: KeyField, value: object) -> bool:
    if field.type == "str":
        return isinstance(value, str)
    return type(value) is int and -INT64 <= value < INT64


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _place(error: BaseException) -> str:
    """Returns where the user's code raised."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return f" ({frames[-1].filename.rsplit('/', 1)[-1]}, line {frames[-1].lineno})" if frames else ""


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"it is {type(value).__name__}")
    return value


def _int(value: Any) -> int:
    number: int = _exactly(int, value)
    if not -INT64 <= number < INT64:
        raise ValueError("out of the range of 64 bits")
    return number


def _float(value: Any) -> float:
    number = float(value) if type(value) is int else _exactly(float, value)
    if not math.isfinite(number):
        raise ValueError("not a number that can be compared")
    return float(number)


def _decimal(value: Any) -> Decimal:
    number = Decimal(value) if type(value) is int else _exactly(Decimal, value)
    if not number.is_finite():
        raise ValueError("not a number that can be compared")
    if not number:
        return Decimal(0)
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > MAX_DIGITS or not -MAX_DIGITS <= exponent <= MAX_DIGITS:
        raise ValueError("too many digits")
    return Decimal(format(number, "f"))  # as the database returns it: without an exponent


def _str(value: Any) -> str:
    text: str = _exactly(str, value)
    if "\0" in text:
        raise ValueError("it contains the character NUL")
    text.encode()  # a lone surrogate is not a character
    return text


def _bool(value: Any) -> bool:
    return bool(_exactly(bool, value))


def _datetime(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"it is {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValueError("it has no time zone")
    return value.astimezone(UTC)


_CHECKS: "dict[ColumnType, Callable[[Any], Any]]" = {
    "int": _int,
    "float": _float,
    "decimal": _decimal,
    "str": _str,
    "bool": _bool,
    "datetime": _datetime,
}

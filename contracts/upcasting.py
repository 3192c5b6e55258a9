"""Upcasters: functions that convert the ``event_data`` of an old event version to the next one on reading.

The log stores events as they were sent; the shapes of their types change over the years. The shapes of a type are
versions, from 1 on without holes. An upcaster converts the ``event_data`` of one version to that of the next, so that
every reader sees the current shape. It must be deterministic: no clock, no random numbers, no lookups.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from contracts.errors import ConfigurationError, EventRejectedError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Its argument is its own to change. Numbers with a fraction or an exponent are Decimals."""

MAX_REASON = 200
"""Characters of an exception that are shown."""

# exact both ways: values that an upcaster does not touch keep all their digits
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class Upcasters:
    """The upcasters of a program, by event type and the version they read. Immutable."""

    def __init__(self, functions: Mapping[tuple[str, int], Upcaster]) -> None:
        """Checks that each type's versions begin at 1 and have no holes.

        Raises:
            ConfigurationError: a key, a function or the versions of a type are wrong.
        """
        versions: dict[str, list[int]] = {}
        for key, function in functions.items():
            match key:
                case (str() as event_type, int() as version) if version >= 1 and callable(function):
                    versions.setdefault(event_type, []).append(version)
                case _:
                    raise ConfigurationError(
                        f"{key!r}: {function!r} is not an upcaster: "
                        "expected (event type, version it reads, from 1): function"
                    )
        for event_type, found in versions.items():
            for expected, version in enumerate(sorted(found), start=1):
                if version != expected:
                    raise ConfigurationError(
                        f"the upcasters of {event_type} are for versions {_listed(found)}: the one for version "
                        f"{expected} is missing, and the log may hold events of it"
                    )
        self._functions = dict(functions)
        self._current = {event_type: len(found) + 1 for event_type, found in versions.items()}

    def current_version(self, event_type: str) -> int:
        """Returns the version that events of a type are read as: 1 without upcasters."""
        return self._current.get(event_type, 1)

    def upcast(self, event_type: str, version: int, data: bytes) -> bytes:
        """Converts ``event_data`` (a JSON object) of a version to the current one. Limits are not checked.

        Raises:
            EventRejectedError: ``unknown_version``, or ``upcast_failed`` with the reason.
        """
        current = self.current_version(event_type)
        if version > current:
            raise EventRejectedError(
                "unknown_version",
                f"event_version: {version} of {event_type} is newer than {current}, the newest known here",
            )
        value = _decoder.decode(data)
        step = version
        try:
            for step in range(version, current):
                value = self._functions[event_type, step](value)
                if not isinstance(value, dict):
                    raise TypeError(f"the upcaster returned {type(value).__name__}, not dict")
            _strict.encode(value)
            return _encoder.encode(value)
        except Exception as error:  # a user's function can raise anything
            raise upcast_failure(event_type, step, step + 1, _reason(error)) from error


NO_UPCASTERS = Upcasters({})
"""Every type has only version 1."""


def upcast_failure(event_type: str, version: int, wanted: int, reason: str) -> EventRejectedError:
    """Returns the error for an event that can't be converted to a later version."""
    return EventRejectedError(
        "upcast_failed", f"event_data: version {version} of {event_type} can't be made version {wanted}: {reason}"
    )


def _number(value: object) -> int:
    if isinstance(value, Decimal) and value.is_finite():
        return 0
    raise TypeError(f"the upcaster returned a {type(value).__name__}, which JSON does not have")


# msgspec would write NaN as null and a set in any order; json refuses both
_strict = json.JSONEncoder(allow_nan=False, default=_number)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:MAX_REASON].encode(errors="backslashreplace").decode()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, sorted(versions)))

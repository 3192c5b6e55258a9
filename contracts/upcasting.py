"""Upcasters: what turns an old shape of an event type's ``event_data`` into the next one when an event is read.

The log keeps events as they were sent, for ever; their shapes change over the years. Every shape of a type has a
version, from 1 on without holes. An upcaster is a plain function from the ``event_data`` of one version to that of the
next, so that whatever reads the log sees one shape. It must give the same for the same: no clock, no chance, no
look-ups.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from contracts.errors import ConfigurationError, EventRejectedError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Gets an object of JSON values of its own, to be changed at will; numbers with a fraction or exponent are Decimals."""

MAX_REASON = 200
"""Characters of an exception that are shown."""

# exact both ways: what an upcaster leaves alone keeps its value, however many digits it has
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class Upcasters:
    """Every upcaster of a program, by event type and the version it reads. Never changes."""

    def __init__(self, functions: Mapping[tuple[str, int], Upcaster]) -> None:
        """Checks that each type's versions begin at 1 and have no holes.

        Raises:
            ConfigurationError: naming what is wrong.
        """
        versions: dict[str, list[int]] = {}
        for key, function in functions.items():
            match key:
                case (str() as event_type, int() as version) if version >= 1 and callable(function):
                    versions.setdefault(event_type, []).append(version)
                case _:
                    raise ConfigurationError(
                        f"{key!r}: {function!r} is no upcaster: "
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
        """The version that events of a type are read as: 1 where it has no upcasters."""
        return self._current.get(event_type, 1)

    def upcast(self, event_type: str, version: int, data: bytes) -> bytes:
        """Turns ``event_data`` (a JSON object) of a version into the current one's. Limits are not checked.

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
            _judge.encode(value)
            return _encoder.encode(value)
        except Exception as error:  # whatever a function that isn't ours raises, the event is kept with it
            raise upcast_failure(event_type, step, step + 1, _reason(error)) from error


NO_UPCASTERS = Upcasters({})
"""Every type has version 1 alone."""


def upcast_failure(event_type: str, version: int, wanted: int, reason: str) -> EventRejectedError:
    """The refusal of an event that can't be made a later version."""
    return EventRejectedError(
        "upcast_failed", f"event_data: version {version} of {event_type} can't be made version {wanted}: {reason}"
    )


def _number(value: object) -> int:
    if isinstance(value, Decimal) and value.is_finite():
        return 0
    raise TypeError(f"the upcaster returned a {type(value).__name__}, which JSON does not have")


# msgspec would write NaN as null and a set in any order; json refuses what JSON has no word for
_judge = json.JSONEncoder(allow_nan=False, default=_number)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:MAX_REASON].encode(errors="backslashreplace").decode()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, sorted(versions)))

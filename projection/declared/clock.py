"""A shifted clock for users' code: a projection that reads the clock shows it by other rows."""

import datetime as datetime_module
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any, Self

_SHIFT = ContextVar("shift", default=timedelta())


@contextmanager
def shifted(shift: timedelta) -> Iterator[None]:
    """Shifts the clock of all code that is loaded in the block."""
    token = _SHIFT.set(shift)
    try:
        yield
    finally:
        _SHIFT.reset(token)


def shift_clock(module: ModuleType) -> None:
    """Replaces what reads the clock in a module that was just loaded."""
    shift = _SHIFT.get()
    if not shift:
        return
    replaced: dict[Any, Any] = {
        datetime: _datetime(shift),
        date: _date(shift),
        time.time: lambda: time.time() + shift.total_seconds(),
    }
    replaced[datetime_module] = _copy(datetime_module, datetime=replaced[datetime], date=replaced[date])
    replaced[time] = _copy(time, time=replaced[time.time])
    for name, value in list(vars(module).items()):
        if isinstance(value, ModuleType | type) or callable(value):
            vars(module)[name] = replaced.get(value, value)


class _LikeDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class _LikeDate(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, date)


def _datetime(shift: timedelta) -> type[datetime]:
    class Shifted(datetime, metaclass=_LikeDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + shift

        @classmethod
        def utcnow(cls) -> Self:
            return super().utcnow() + shift

        @classmethod
        def today(cls) -> Self:
            return super().today() + shift

    return Shifted


def _date(shift: timedelta) -> type[date]:
    class Shifted(date, metaclass=_LikeDate):
        @classmethod
        def today(cls) -> Self:
            return super().today() + shift

    return Shifted


def _copy(module: ModuleType, **changes: Any) -> ModuleType:
    copied = ModuleType(module.__name__)
    vars(copied).update(vars(module) | changes)
    return copied

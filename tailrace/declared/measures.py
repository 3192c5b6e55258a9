"""The measures of a rollup."""

from typing import ClassVar

from tailrace.declared.definitions import Level, Measure, MeasureKind
from tailrace.declared.values import check_path


class MeasureOf:
    """The base of ``Count``, ``Sum``, ``Min``, ``Max`` and ``Users``."""

    def measure(self, owner: str, attribute: str) -> Measure:
        """Returns the measure as plain data.

        Raises:
            DefinitionError: an argument is not allowed.
        """
        raise NotImplementedError


class Count(MeasureOf):
    """Counts events: ``orders = Count()``."""

    def measure(self, owner: str, attribute: str) -> Measure:
        """Returns the measure as plain data."""
        return Measure("count")


class _OfNumber(MeasureOf):
    _kind: ClassVar[MeasureKind]

    def __init__(self, path: str) -> None:
        self.path = path

    def measure(self, owner: str, attribute: str) -> Measure:
        """Returns the measure as plain data.

        Raises:
            DefinitionError: the path is not a property of ``event_data``.
        """
        return Measure(self._kind, check_path(owner, attribute, self.path, fields=False))


class Sum(_OfNumber):
    """Adds a number, exactly: ``cents = Sum("event_data.amount.cents")``.

    Events without a number there add nothing; text such as ``"12"`` is not a number.
    """

    _kind = "sum"


class Min(_OfNumber):
    """The smallest number: ``fastest = Min("event_data.duration")``; null if no event has one."""

    _kind = "min"


class Max(_OfNumber):
    """The largest number: ``slowest = Max("event_data.duration")``; null if no event has one."""

    _kind = "max"


class Users(MeasureOf):
    """Counts distinct users: ``buyers = Users()``.

    Users are kept per day, and for no shorter buckets, since each set of users takes space. ``Users(every="hour")``
    keeps them per hour too. An answer that needs shorter buckets than are kept has null.
    """

    def __init__(self, every: Level = "day") -> None:
        self.every = every

    def measure(self, owner: str, attribute: str) -> Measure:
        """Returns the measure as plain data."""
        return Measure("users", every=self.every)

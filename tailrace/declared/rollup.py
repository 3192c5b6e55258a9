"""``Rollup``: measures per bucket and dimensions, declared without code."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tailrace.declared.definitions import SECONDS, Level, Measure, RollupDefinition
from tailrace.declared.errors import refuse
from tailrace.declared.measures import MeasureOf
from tailrace.declared.names import check_column, projection_name
from tailrace.declared.patterns import check_events
from tailrace.declared.projection import Projection, check_attributes, check_version
from tailrace.declared.values import check_path

MAX_DIMENSIONS = 8
MAX_MEASURES = 32
MAX_LIMIT = 100_000


class Rollup(Projection):
    """Counts events per bucket of time and per combination of dimensions.

    ```python
    from tailrace import Count, Rollup, Sum, Users

    class Revenue(Rollup):
        \"\"\"Orders and revenue by country.\"\"\"
        version = 1
        events = ["order.completed"]
        by = {"country": "event_data.country"}
        every = ["hour", "day"]
        orders, cents, buyers = Count(), Sum("event_data.amount.cents"), Users()
    ```

    Every attribute that is a ``Count``, ``Sum``, ``Min``, ``Max`` or ``Users`` is a measure. The view ``revenue`` and
    ``GET /projections/revenue`` show the result:

    ```python
    from tailrace.testing import event, given

    order = {"country": "DE", "amount": {"cents": 1250}}
    counted = given(event("order.completed", order, user_id=1), event("order.completed", order, user_id=1))
    assert counted.project(Revenue).rows() == [{"country": "DE", "orders": 2, "cents": 2500, "buyers": 1}]
    ```

    Errors at its definition (``DefinitionError``) name the class, the attribute and what is allowed.
    """

    by: ClassVar[Mapping[str, str]] = {}
    """Up to 8 dimensions: the name of each, and the path of its value. A value is text, true, false or a number; longer
    text is cut at 256 bytes; a missing value, null, an object or an array is null."""
    every: ClassVar[Sequence[Level]] = ("hour", "day")
    """The lengths of the buckets that are kept, in UTC: minute, hour, day."""
    limit: ClassVar[int] = 10_000
    """How many combinations of dimensions a UTC day can have; events beyond are counted together as ``other``."""

    _definition: ClassVar[RollupDefinition]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        name = cls.__name__
        measures = {key: value for key, value in vars(cls).items() if isinstance(value, MeasureOf)}
        check_attributes(cls, ["by", "every", "limit", *measures])
        levels = _levels(name, cls.every)
        cls._definition = RollupDefinition(
            projection_name(name),
            check_version(cls),
            check_events(name, vars(cls).get("events")),
            _dimensions(name, cls.by, measures),
            levels,
            _measures(name, measures, levels),
            _limit(name, cls.limit),
        )

    @classmethod
    def definition(cls) -> RollupDefinition:
        """Returns the definition as plain data."""
        return cls._definition


def _levels(owner: str, every: object) -> tuple[Level, ...]:
    if isinstance(every, str) or not isinstance(every, Sequence) or not every:
        refuse(owner, "every", f"{every!r} must be a list with some of {', '.join(SECONDS)}")
    for level in every:
        if level not in SECONDS:
            refuse(owner, "every", f"{level!r} must be one of {', '.join(SECONDS)}")
    return tuple(level for level in SECONDS if level in every)


def _dimensions(owner: str, by: object, measures: Mapping[str, object]) -> dict[str, str]:
    if not isinstance(by, Mapping) or len(by) > MAX_DIMENSIONS:
        refuse(owner, "by", f"{by!r} must be a dict of at most {MAX_DIMENSIONS} names and their paths")
    for name in by:
        if name in measures:
            refuse(owner, "by", f"{name!r} is the name of a measure too: use another one")
    return {check_column(owner, "by", name): check_path(owner, "by", path, fields=True) for name, path in by.items()}


def _measures(owner: str, measures: Mapping[str, MeasureOf], levels: Sequence[Level]) -> dict[str, Measure]:
    if not 1 <= len(measures) <= MAX_MEASURES:
        refuse(owner, "measures", f"it must have 1 to {MAX_MEASURES}, such as events = Count()")
    found = {check_column(owner, name, name): measure.measure(owner, name) for name, measure in measures.items()}
    for name, measure in found.items():
        if measure.every is not None and measure.every not in levels:
            refuse(owner, name, f"users are kept per {measure.every!r}, which `every` must contain: {list(levels)}")
        if measure.every == "minute":
            refuse(owner, name, "users are kept per 'hour' or 'day'")
    return found


def _limit(owner: str, limit: object) -> int:
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        refuse(owner, "limit", f"{limit!r} must be an integer from 1 to {MAX_LIMIT:,}")
    return limit

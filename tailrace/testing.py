"""Tests of projections without servers.

```python
from tailrace.testing import event, given

def test_a_checkout_empties_the_cart():
    added, paid = event("cart.added", user_id=7), event("checkout.completed", user_id=7)
    assert given(added, paid).project(Cart).rows() == []
```

A projection sees what it sees in production: each event once, in the order given, with numbers as int or Decimal. A
``Sql`` needs Postgres: ``tailrace projection check`` tests it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tailrace.declared import (
    CellKey,
    Event,
    Evolver,
    Fold,
    Level,
    Projection,
    Rollup,
    Tally,
    decode_event_data,
    matcher,
    merge,
    plain,
    reader,
)
from tailrace.declared.tally import Dimensions, Value

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When an event of ``event`` happened, unless the call names a time."""

Rows = list[dict[str, Any]]


class Draft(NamedTuple):
    """An event of ``event``, which has no place in a log yet."""

    event_type: str
    user_id: int | None
    created_at: datetime
    logged_at: datetime
    event_data: bytes
    event_id: UUID | None


def event(
    event_type: str,
    event_data: Mapping[str, Any] | None = None,
    *,
    user_id: int | None = 1,
    created_at: datetime | str = START,
    logged_at: datetime | str | None = None,
    event_id: UUID | str | None = None,
) -> Draft:
    """Returns an event for ``given``.

    Times are aware datetimes or text such as ``2026-03-01T12:00:00Z``; ``logged_at`` is ``created_at`` by default.
    Events with the same ``event_id`` count once; by default each has its own.

    Raises:
        ValueError: a time has no zone, or ``event_data`` is not JSON.
    """
    happened = _time(created_at)
    try:
        data = _encoder.encode(dict(event_data or {}))
    except (TypeError, msgspec.MsgspecError) as error:
        raise ValueError(f"event_data must be JSON: {error}") from None
    identifier = UUID(event_id) if isinstance(event_id, str) else event_id
    return Draft(event_type, user_id, happened, happened if logged_at is None else _time(logged_at), data, identifier)


_encoder = msgspec.json.Encoder(decimal_format="number")


def _time(time: datetime | str) -> datetime:
    parsed = datetime.fromisoformat(time) if isinstance(time, str) else time
    if parsed.utcoffset() is None:
        raise ValueError(f"{time} has no time zone")
    return parsed.astimezone(UTC)


def given(*events: Draft) -> "Given":
    """Returns a log of events, in their order."""
    return Given(events)


class Given:
    """A log of events; ``project`` projects it."""

    def __init__(self, events: Iterable[Draft]) -> None:
        self.events: list[Event] = []
        seen: set[UUID] = set()
        for seq, one in enumerate(events, 1):
            identifier = one.event_id or UUID(int=seq)
            if identifier not in seen:
                seen.add(identifier)
                data = decode_event_data(one.event_data)
                self.events.append(
                    Event(seq, identifier, one.event_type, one.user_id, one.created_at, one.logged_at, data)
                )

    def project(self, projection: type[Projection]) -> "Projected":
        """Projects the events that the projection reads.

        Raises:
            EvolveError: the code of a ``Fold`` fails on an event; the projector would park this event.
            TypeError: the projection is a ``Sql``.
        """
        matches = matcher(projection.definition().events)
        events = [one for one in self.events if matches(one.event_type)]
        if issubclass(projection, Rollup):
            return Projected(_roll_up(projection, events))
        if issubclass(projection, Fold):
            return Projected(_fold(projection, events))
        raise TypeError(f"{projection.__name__} needs Postgres: run `tailrace projection check`")


class Projected:
    """What a projection made of the events."""

    def __init__(self, rows: Callable[[Level | None], Rows]) -> None:
        self._rows = rows

    def rows(self, bucket: Level | None = None) -> Rows:
        """Returns the rows as ``GET /projections/{name}`` does.

        Those of a ``Fold`` are ordered by key. Those of a ``Rollup`` are totals, or those of buckets of the level
        ``bucket``, ordered by bucket and dimensions; events beyond the limit are in a row with ``other``.

        Raises:
            ValueError: the projection does not keep such buckets.
        """
        return self._rows(bucket)


def _fold(fold: type[Fold], events: Iterable[Event]) -> Callable[[Level | None], Rows]:
    evolver = Evolver(fold)
    stored: dict[Any, dict[str, Any]] = {}
    for one in events:
        key = evolver.key(one)
        if key is None:
            continue
        row = evolver.evolve(stored.get(key), one)
        if row is None:
            stored.pop(key, None)
        else:
            stored[key] = row

    def rows(bucket: Level | None) -> Rows:
        if bucket is not None:
            raise ValueError(f"{fold.__name__} is a Fold, which has no buckets")
        return [dict(zip(evolver.definition.key, key, strict=True)) | row for key, row in sorted(stored.items())]

    return rows


def _roll_up(rollup: type[Rollup], events: Iterable[Event]) -> Callable[[Level | None], Rows]:
    definition = rollup.definition()
    read, tally = reader(definition), Tally(definition)
    for one in events:
        tally.add(read(one.event_type, one.user_id, one.event_data), one.user_id, one.created_at)

    def rows(bucket: Level | None) -> Rows:
        if bucket is not None and bucket not in definition.every:
            raise ValueError(f"{rollup.__name__} keeps no buckets per {bucket}, but {', '.join(definition.every)}")
        level = bucket or definition.every[-1]
        kinds = [measure.kind for measure in definition.measures.values()]
        found: dict[tuple[int | None, Dimensions | None], list[Value]] = {}
        for key, cell in tally.cells.items():
            if key.level == level:
                group = (None if bucket is None else key.bucket, key.dimensions)
                before = found.get(group)
                found[group] = cell if before is None else _merged(kinds, before, cell)
        return [
            _row(definition.by, definition.measures, CellKey(level, start or 0, dimensions), cell, bucket is not None)
            for (start, dimensions), cell in sorted(found.items(), key=_order)
        ]

    return rows


def _merged(kinds: list[Any], one: list[Value], other: list[Value]) -> list[Value]:
    return [
        left | right if isinstance(left, set) and isinstance(right, set) else merge(kind, left, right)  # type: ignore[arg-type]
        for kind, left, right in zip(kinds, one, other, strict=True)
    ]


def _order(item: tuple[tuple[int | None, Dimensions | None], list[Value]]) -> tuple[Any, ...]:
    (start, dimensions), _ = item
    return start or 0, dimensions is None, [(text is None, (text or "").encode()) for text in dimensions or ()]


def _row(
    by: Iterable[str], measures: Iterable[str], key: CellKey, cell: list[Value], with_bucket: bool
) -> dict[str, Any]:
    row: dict[str, Any] = (
        {"bucket": f"{datetime.fromtimestamp(key.bucket, UTC):%Y-%m-%dT%H:%M:%SZ}"} if with_bucket else {}
    )
    row |= dict.fromkeys(by) if key.dimensions is None else dict(zip(by, key.dimensions, strict=True))
    if key.dimensions is None:
        row["other"] = True
    for name, value in zip(measures, cell, strict=True):
        row[name] = len(value) if isinstance(value, set) else None if value is None else plain(value)
    return row

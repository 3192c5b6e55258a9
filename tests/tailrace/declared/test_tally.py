"""A rollup in memory counts what a naive recount counts, whatever the batches."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tailrace import Count, Max, Min, Rollup, Sum, Users
from tailrace.declared import SECONDS, Tally, merge, plain, reader
from tailrace.declared.tally import CellKey, Value

LIMIT = 2
START = datetime(2026, 3, 1, 22, tzinfo=UTC)


class Orders(Rollup):
    version = 1
    events = ["*"]
    by = {"country": "event_data.country"}
    every = ["minute", "hour", "day"]
    limit = LIMIT
    orders, total, buyers = Count(), Sum("event_data.total"), Users(every="hour")
    least, most = Min("event_data.total"), Max("event_data.total")


totals = st.one_of(
    st.none(),
    st.text("0123456789", max_size=2),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False).filter(lambda one: abs(one.adjusted()) < 300),
)
events = st.lists(
    st.tuples(
        st.sampled_from(["DE", "FR", "IT", "", None, 1, Decimal("1.0")]),
        totals,
        st.integers(1, 3),
        st.integers(0, 4 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    ),
    max_size=30,
)


def tally(drafts: list[Any], admitted: Any = None) -> Tally:
    counted = Tally(Orders.definition(), admitted)
    read = reader(Orders.definition())
    for country, total, user_id, created_at in drafts:
        counted.add(read("order", user_id, {"country": country, "total": total}), user_id, created_at)
    return counted


def shown(cells: dict[CellKey, list[Value]]) -> dict[Any, Any]:
    return {
        key: [plain(value) if isinstance(value, (int, Decimal)) else value for value in cell]
        for key, cell in cells.items()
    }


@given(events, st.lists(st.integers(0, 30), max_size=3))
def test_the_cells_do_not_depend_on_the_batches(drafts: list[Any], cuts: list[int]) -> None:
    kinds = [measure.kind for measure in Orders.definition().measures.values()]
    admitted: Any = {}
    cells: dict[CellKey, list[Value]] = {}
    bounds = [0, *sorted(cuts), len(drafts)]
    for start, end in pairwise(bounds):
        for key, cell in tally(drafts[start:end], admitted).cells.items():
            before = cells.get(key, [0, 0, set() if key.level != "minute" else None, None, None])
            cells[key] = [
                (left | right if isinstance(left, set) else None) if kind == "users" else merge(kind, left, right)  # type: ignore[arg-type, operator]
                for kind, left, right in zip(kinds, before, cell, strict=True)
            ]
    assert shown(cells) == shown(tally(drafts).cells)


@given(events)
def test_the_cells_are_those_of_a_naive_recount(drafts: list[Any]) -> None:
    days: dict[Any, list[Any]] = defaultdict(list)
    groups: dict[Any, list[Any]] = defaultdict(list)
    for country, total, user_id, created_at in drafts:
        value = None if country is None else str(int(country)) if country in (1, Decimal(1)) else country
        seen = days[created_at.date()]
        if value not in seen and len(seen) < LIMIT:
            seen.append(value)
        for level, seconds in SECONDS.items():
            second = int(created_at.timestamp())
            dimensions = (value,) if value in seen else None
            groups[CellKey(level, second - second % seconds, dimensions)].append((total, user_id))
    expected = {}
    for key, members in groups.items():
        found = [Fraction(one) for one, _ in members if type(one) in (int, Decimal)]
        users = None if key.level == "minute" else {user for _, user in members}
        expected[key] = [len(members), sum(found), users, min(found, default=None), max(found, default=None)]
    counted = {
        key: [Fraction(value) if isinstance(value, (int, Decimal)) else value for value in cell]
        for key, cell in tally(drafts).cells.items()
    }
    assert counted == expected


def test_what_is_beyond_the_limit_of_a_day_is_counted_as_other_at_every_level() -> None:
    drafts = [(country, 1, 1, START) for country in ("DE", "FR", "IT", "DE")]
    found = tally([*drafts, ("IT", 1, 1, START + timedelta(hours=2))])
    assert {key.dimensions: cell[0] for key, cell in found.cells.items() if key.level == "hour"} == {
        ("DE",): 2,
        ("FR",): 1,
        None: 1,
        ("IT",): 1,  # the next UTC day
    }

"""Page tokens, and the windows that a page is read from."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import EARLIEST
from query.events.page_token import BadTokenError, PageStart
from query.events.windows import windows
from query.parameters import LATEST

MICROSECOND = timedelta(microseconds=1)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))
STARTS = st.builds(PageStart, TIMES, st.integers(1, 2**63 - 1))


@given(STARTS)
def test_a_token_round_trips(start: PageStart) -> None:
    assert PageStart.parse(start.token) == start
    assert start.token.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40) | st.text("AZaz09-_", min_size=22, max_size=22))
def test_only_tokens_that_a_page_returns_are_accepted(text: str) -> None:
    with suppress(BadTokenError):
        assert PageStart.parse(text).token == text


@pytest.mark.parametrize(
    "token",
    [
        "",
        "AAZL9OFqoAAAAAAAAAAAAw==",
        "AAZL9OFqoAAAAAAAAAAAAx",  # bits after the end
        PageStart(LATEST, 1).token,
        PageStart(datetime(2026, 3, 1, tzinfo=UTC), 0).token,
        "f_________________________"[:22],
    ],
)
def test_other_tokens_are_rejected(token: str) -> None:
    with pytest.raises(BadTokenError):
        PageStart.parse(token)


@given(TIMES, STARTS, TIMES)
def test_windows_cover_everything_up_to_the_page_start_without_a_gap(
    first: datetime, start: PageStart, now: datetime
) -> None:
    found = list(windows(first, start, now))
    if not found:
        assert first > start.created_at
        return
    assert found[0].end == start.created_at + MICROSECOND
    assert found[-1].start == first
    assert all(older.end == newer.start for newer, older in pairwise(found))
    assert all(window.start < window.end for window in found)


def test_the_first_window_of_an_open_range_starts_with_the_previous_hour() -> None:
    now = datetime(2026, 3, 1, 12, 34, tzinfo=UTC)
    first, *others = windows(EARLIEST, PageStart(LATEST, 0), now)
    assert first == (datetime(2026, 3, 1, 11, tzinfo=UTC), LATEST + MICROSECOND)
    assert len(others) == 2

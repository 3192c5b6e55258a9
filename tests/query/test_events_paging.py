"""Where pages begin, and how far back they are looked for."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import EARLIEST
from query.events.locating import windows
from query.events.paging import BadTokenError, Place
from query.stats.ranges import LATEST

MICROSECOND = timedelta(microseconds=1)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))
PLACES = st.builds(Place, MOMENTS, st.integers(1, 2**63 - 1))


@given(PLACES)
def test_a_token_is_read_back_as_the_place_it_was(place: Place) -> None:
    assert Place.parse(place.token) == place
    assert place.token.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40) | st.text("AZaz09-_", min_size=22, max_size=22))
def test_a_text_is_a_token_only_if_it_could_have_been_given_out(text: str) -> None:
    with suppress(BadTokenError):
        assert Place.parse(text).token == text


@pytest.mark.parametrize(
    "token",
    [
        "",
        "AAZL9OFqoAAAAAAAAAAAAw==",
        "AAZL9OFqoAAAAAAAAAAAAx",  # bits behind the last one
        Place(LATEST, 1).token,
        Place(datetime(2026, 3, 1, tzinfo=UTC), 0).token,
        "f_________________________"[:22],
    ],
)
def test_what_no_page_gives_is_refused(token: str) -> None:
    with pytest.raises(BadTokenError):
        Place.parse(token)


@given(MOMENTS, PLACES, MOMENTS)
def test_the_windows_are_everything_from_the_first_moment_to_the_place_without_a_gap(
    first: datetime, place: Place, now: datetime
) -> None:
    found = list(windows(first, place, now))
    if not found:
        assert first > place.created_at
        return
    assert found[0].end == place.created_at + MICROSECOND
    assert found[-1].start == first
    assert all(older.end == newer.start for newer, older in pairwise(found))
    assert all(window.start < window.end for window in found)


def test_without_an_end_the_first_window_is_the_hour_before_this_one_and_all_that_is_newer() -> None:
    now = datetime(2026, 3, 1, 12, 34, tzinfo=UTC)
    first, *others = windows(EARLIEST, Place(LATEST, 0), now)
    assert first == (datetime(2026, 3, 1, 11, tzinfo=UTC), LATEST + MICROSECOND)
    assert len(others) == 2

"""Log entries."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.entries import LogEntry


@given(st.integers(min_value=0, max_value=2**32 * 10**9 - 1))
def test_log_time_is_exact_to_the_microsecond(time_ns: int) -> None:
    exact = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    assert LogEntry(1, time_ns, "", b"").logged_at == exact

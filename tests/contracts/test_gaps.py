"""Gaps behave like the sets of their sequences."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.entries import Gap, LogEntry, gap_around, gaps_between, merge_gaps, uncovered

some_gaps = st.lists(st.builds(lambda first, more: Gap(first, first + more), st.integers(1, 60), st.integers(0, 9)))


def sequences(gaps: "list[Gap] | tuple[Gap, ...]") -> set[int]:
    return {seq for gap in gaps for seq in range(gap.first, gap.last + 1)}


@given(some_gaps)
def test_merged_gaps_have_the_same_sequences_and_do_not_touch(gaps: list[Gap]) -> None:
    found = merge_gaps(gaps)
    assert sequences(found) == sequences(gaps)
    assert all(one.last + 1 < other.first for one, other in pairwise(found))
    assert merge_gaps(found) == found


@given(some_gaps, st.integers(0, 70), st.integers(0, 70))
def test_uncovered_parts_are_in_no_gap(gaps: list[Gap], first: int, last: int) -> None:
    parts = uncovered(Gap(first, last), merge_gaps(gaps))
    assert sequences(parts) == set(range(first, last + 1)) - sequences(gaps)
    assert parts == list(merge_gaps(parts))


@given(some_gaps, st.integers(0, 70))
def test_the_gap_around_a_sequence_contains_it(gaps: list[Gap], seq: int) -> None:
    around = gap_around(seq, merge_gaps(gaps))
    assert (around is not None) == (seq in sequences(gaps))
    assert around is None or around.first <= seq <= around.last


@given(st.integers(0, 20), st.sets(st.integers(1, 30)))
def test_gaps_between_entries_are_the_missing_sequences(behind: int, more: set[int]) -> None:
    seqs = sorted(behind + number for number in more)
    passed = gaps_between(behind, [LogEntry(seq, 0, "", b"") for seq in seqs])
    assert sequences(passed) == (set(range(behind + 1, seqs[-1] + 1)) - set(seqs) if seqs else set())

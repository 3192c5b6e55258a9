"""Gaps are sets of sequences, written short."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.entries import Gap, LogEntry, gap_around, gaps_passed, merged, uncovered

some_gaps = st.lists(st.builds(lambda first, more: Gap(first, first + more), st.integers(1, 60), st.integers(0, 9)))


def sequences(gaps: "list[Gap] | tuple[Gap, ...]") -> set[int]:
    return {seq for gap in gaps for seq in range(gap.first, gap.last + 1)}


@given(some_gaps)
def test_merging_keeps_the_sequences_and_leaves_no_two_that_touch(gaps: list[Gap]) -> None:
    found = merged(gaps)
    assert sequences(found) == sequences(gaps)
    assert all(one.last + 1 < other.first for one, other in pairwise(found))
    assert merged(found) == found


@given(some_gaps, st.integers(0, 70), st.integers(0, 70))
def test_what_is_uncovered_is_what_no_gap_has(gaps: list[Gap], first: int, last: int) -> None:
    parts = uncovered(Gap(first, last), merged(gaps))
    assert sequences(parts) == set(range(first, last + 1)) - sequences(gaps)
    assert parts == list(merged(parts))


@given(some_gaps, st.integers(0, 70))
def test_the_gap_around_a_sequence_is_the_one_it_is_in(gaps: list[Gap], seq: int) -> None:
    around = gap_around(seq, merged(gaps))
    assert (around is not None) == (seq in sequences(gaps))
    assert around is None or around.first <= seq <= around.last


@given(st.integers(0, 20), st.sets(st.integers(1, 30)))
def test_what_a_reader_jumps_over_is_what_is_missing_between(behind: int, more: set[int]) -> None:
    seqs = sorted(behind + number for number in more)
    passed = gaps_passed(behind, [LogEntry(seq, 0, "", b"") for seq in seqs])
    assert sequences(passed) == (set(range(behind + 1, seqs[-1] + 1)) - set(seqs) if seqs else set())

"""Checks positions against the log, and finds what is missing around them.

Reading on from a position that the log does not confirm would mix two histories, or skip entries.
"""

from contracts.cursors import Cursor, fingerprints_agree
from contracts.entries import Gap, LogState, gap_around, uncovered
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from runtime.log.client import LogClient

_RESTORE = (
    "restore the right files of the log, or declare this log another history with `tailrace log new-epoch` and build "
    "a model of it: `tailrace replay`, `tailrace cutover`"
)


async def verify_position(client: LogClient, position: Cursor) -> LogState:
    """Checks that a position belongs to the log, and returns the log's state.

    In a recorded gap there is no entry to compare.

    Raises:
        ForeignHistoryError: the log is another one, ends before the position, or holds another entry there.
        LostEntriesError: the position's entry, or the next one, is gone and not recorded as lost.
        LogUnavailableError: the log does not answer.
    """
    state = await client.state()
    check_epoch(state, position)
    if position.seq > state.issued_seq:
        raise ForeignHistoryError(
            f"the log ends at sequence {state.issued_seq}, before the position {position}: it lost entries that were "
            "already read, or was restored from an older copy",
            _RESTORE,
        )
    if gone := uncovered(Gap(position.seq + 1, state.first_seq - 1), state.gaps):
        raise lost(
            gone[0], f"the log begins at sequence {state.first_seq}; what follows the position {position} is gone"
        )
    if position.seq >= state.first_seq and position.fingerprint:
        await _compare(client, position, state)
    return state


def check_epoch(state: LogState, position: Cursor) -> None:
    """Checks the epoch of a position.

    Raises:
        ForeignHistoryError: the position is of another log.
    """
    if state.epoch != position.epoch:
        raise ForeignHistoryError(
            f"the log's epoch is {state.epoch or 'not set'}, but the position {position} is of another log",
            "connect to that log, or build a model of this one: `tailrace replay`, `tailrace cutover`",
        )


async def _compare(client: LogClient, position: Cursor, state: LogState) -> None:
    entry = await client.get(position.seq)
    if entry is None:
        if gap_around(position.seq, state.gaps):
            return
        if hole := await unrecorded_gap_around(client, position.seq, state):
            raise lost(
                hole, f"the log's entries {hole.first} to {hole.last} are gone, the position {position} with them"
            )
        raise LogUnavailableError(f"one server of the log has no entry {position.seq} yet, another has")
    found = entry.cursor(state.epoch)
    if not fingerprints_agree(found.fingerprint, position.fingerprint):
        raise ForeignHistoryError(
            f"the log holds another message at sequence {position.seq}: {found}, not {position}; "
            "it was restored from an older copy and has grown again",
            _RESTORE,
        )


async def last_entry_until(client: LogClient, seq: int, state: LogState) -> int:
    """Returns ``seq``, or the last sequence before the recorded gap that ``seq`` is in."""
    gap = gap_around(seq, state.gaps)
    return seq if gap is None or await client.get(seq) else gap.first - 1


async def unrecorded_gap_around(client: LogClient, seq: int, state: LogState) -> Gap | None:
    """Returns the unrecorded gap around ``seq``; None if its entry can be read or is recorded as lost.

    A binary search: log2(n) requests, each of which checks whether every entry from a sequence to ``seq`` is gone.
    """
    following = await client.next_seq(seq)
    if following == seq:
        return None
    present, first = state.first_seq - 1, seq
    while first - present > 1:
        middle = (present + first) // 2
        found = await client.next_seq(middle)
        if found is not None and found < seq:
            present = middle
        else:
            first = middle
    hole = Gap(first, following - 1 if following is not None else state.issued_seq)
    return next((part for part in uncovered(hole, state.gaps) if part.first <= seq <= part.last), None)


def lost(gap: Gap, found: str) -> LostEntriesError:
    """Returns the error for an unrecorded loss, with the remedy."""
    return LostEntriesError(
        gap.first,
        gap.last,
        f"{found}; restore the log's files from a backup, or record the loss with `tailrace log accept-gap {gap}`",
    )

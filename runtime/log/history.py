"""What became of the log: entries that are lost and recorded as lost, and an epoch that is declared anew.

Both are kept in the stream's metadata, so every reader, and every replay into any database, goes by the same history.
"""

import secrets
from typing import Any

from contracts.entries import Gap, LogState, gap_around, merged, uncovered
from contracts.errors import ConfigurationError, ConflictError, LogHoleError
from contracts.subjects import LOG_STREAM
from runtime.log.client import EPOCH_KEY, GAPS_KEY, LogClient, epoch_of, gaps_text


async def accept_gap(client: LogClient, gap: Gap) -> tuple[Gap, ...]:
    """Records that a gap's entries are gone for good; recording it again changes nothing.

    Returns:
        All recorded gaps.

    Raises:
        ConfigurationError: the range is not a gap.
        ConflictError: it lies beyond the log's end, or one of its entries can still be read.
        LogUnavailableError: the log does not answer.
    """
    if not 1 <= gap.first <= gap.last:
        raise ConfigurationError(
            f"{gap} is no gap: expected A..B with 1 <= A <= B, as the sentence about a loss has it"
        )
    state = await client.state()
    if gap.last > state.issued_seq:
        raise ConflictError(
            f"the log ends at sequence {state.issued_seq}: what would come behind it can't be a gap of it; if it once "
            "was longer, `tailrace log new-epoch` declares that it is another history now"
        )
    for part in uncovered(gap, state.gaps):
        seq = await client.next_seq(part.first)
        if seq is not None and seq <= part.last:
            raise ConflictError(f"the log's entry {seq} can be read: accept only the gap that was reported")
    gaps = merged([*state.gaps, gap])
    if gaps != state.gaps:
        await _set_metadata(client, await client.stream_info(LOG_STREAM), GAPS_KEY, gaps_text(gaps))
    return gaps


async def new_epoch(client: LogClient) -> tuple[str, str]:
    """Declares the log to be another history than before.

    Returns:
        The old epoch ("" if there was none) and the new one.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    info = await client.stream_info(LOG_STREAM)
    epoch = secrets.token_hex(6)
    await _set_metadata(client, info, EPOCH_KEY, epoch)
    return epoch_of(info), epoch


async def _set_metadata(client: LogClient, info: dict[str, Any], key: str, value: str) -> None:
    config = info["config"]
    metadata = {**(config.get("metadata") or {}), key: value}
    await client.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})


async def last_entry_until(client: LogClient, seq: int, state: LogState) -> int:
    """``seq``; where that is in a recorded gap, what was the last entry before."""
    gap = gap_around(seq, state.gaps)
    return seq if gap is None or await client.get(seq) else gap.first - 1


async def hole_around(client: LogClient, seq: int, state: LogState) -> Gap | None:
    """The stretch around ``seq`` that can't be read and is not recorded; None where ``seq`` can be read, or is.

    Asks about log2(n) times: whether everything from a sequence up to ``seq`` is gone is one question.
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


def lost(gap: Gap, found: str) -> LogHoleError:
    """The error about a loss that is not recorded, with what to do."""
    return LogHoleError(
        gap.first,
        gap.last,
        f"{found}; put the log's files back from a backup, or record the loss with `tailrace log accept-gap {gap}`",
    )

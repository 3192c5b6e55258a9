"""Changes to the log's history: entries recorded as lost, and a new epoch.

Both are stored in the stream's metadata, so every reader, and every replay into any database, sees the same history.
"""

import secrets
from typing import Any

from contracts.entries import Gap, merge_gaps, uncovered
from contracts.errors import ConfigurationError, ConflictError
from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.log.metadata import EPOCH_KEY, GAPS_KEY, epoch_of, gaps_text


async def accept_gap(client: LogClient, gap: Gap) -> tuple[Gap, ...]:
    """Records the entries of a gap as lost for good, and returns all recorded gaps. Idempotent.

    Raises:
        ConfigurationError: the range is not a gap.
        ConflictError: it lies beyond the log's end, or one of its entries can still be read.
        LogUnavailableError: the log does not answer.
    """
    if not 1 <= gap.first <= gap.last:
        raise ConfigurationError(f"{gap} is no gap: expected A..B with 1 <= A <= B, as the report of the loss has it")
    state = await client.state()
    if gap.last > state.issued_seq:
        raise ConflictError(
            f"the log ends at sequence {state.issued_seq}, so {gap} can't be a gap of it; if the log was once longer, "
            "declare it another history with `tailrace log new-epoch`"
        )
    for part in uncovered(gap, state.gaps):
        seq = await client.next_seq(part.first)
        if seq is not None and seq <= part.last:
            raise ConflictError(f"the log's entry {seq} can be read: accept only the gap that was reported")
    gaps = merge_gaps([*state.gaps, gap])
    if gaps != state.gaps:
        await set_metadata(client, await client.stream_info(LOG_STREAM), GAPS_KEY, gaps_text(gaps))
    return gaps


async def new_epoch(client: LogClient) -> tuple[str, str]:
    """Declares the log another history than before; returns the old epoch ("" if there was none) and the new one.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    info = await client.stream_info(LOG_STREAM)
    epoch = secrets.token_hex(6)
    await set_metadata(client, info, EPOCH_KEY, epoch)
    return epoch_of(info), epoch


async def set_metadata(client: LogClient, info: dict[str, Any], key: str, value: str) -> None:
    """Changes one value of the log's metadata; ``info`` describes its stream.

    Raises:
        LogUnavailableError: the log does not answer, or does not let this user change it.
    """
    config = info["config"]
    metadata = {**(config.get("metadata") or {}), key: value}
    await client.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})

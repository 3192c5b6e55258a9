"""Which event types a question is about."""

from collections.abc import Sequence

from contracts.patterns import TypePattern, matching
from query.database import Snapshot


async def wanted_types(ask: Snapshot, patterns: Sequence[TypePattern]) -> list[str] | None:
    """The event types that patterns mean in this snapshot; None: all, [] where they mean none."""
    if not patterns:
        return None
    if all(pattern.is_exact for pattern in patterns):
        return [pattern.text for pattern in patterns]
    known = [row["event_type"] for row in await ask.rows("all_time", None)]
    return matching(patterns, filter(None, known))

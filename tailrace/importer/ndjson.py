"""NDJSON: each line one event, as ``POST /events`` takes it."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from contracts.events import encode_event, read_event


def parse_ndjson(line: bytes, new_id: Callable[[], UUID]) -> bytes:
    """The event of a line, as one line of JSON. A given ``event_id`` is kept, a missing one made by ``new_id``.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    return encode_event(read_event(line, now=datetime.now(UTC), new_id=new_id))

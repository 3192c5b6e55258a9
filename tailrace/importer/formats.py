"""The formats of ``tailrace import``: each has a parser from a line to an event."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from contracts.events import encode_event, read_event
from tailrace.importer.combined import parse_combined

Format = Literal["ndjson", "combined"]


def parse_ndjson(line: bytes, new_id: Callable[[], UUID]) -> bytes:
    """Returns the event of a line as one line of JSON. An event without ``event_id`` gets one from ``new_id``.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    return encode_event(read_event(line, now=datetime.now(UTC), new_id=new_id))


PARSERS: dict[Format, Callable[[bytes, Callable[[], UUID]], bytes]] = {
    "ndjson": parse_ndjson,
    "combined": parse_combined,
}

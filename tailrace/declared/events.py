"""The event as a ``Fold`` receives it."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct


class Event(Struct, frozen=True):
    """One event of the log.

    ``seq`` is its place in the log. ``created_at`` says when it happened, ``logged_at`` when the log stored it; both
    are aware datetimes in UTC. ``user_id`` is None for an event without a user. Numbers in ``event_data`` are int or
    Decimal, never float.
    """

    seq: int
    event_id: UUID
    event_type: str
    user_id: int | None
    created_at: datetime
    logged_at: datetime
    event_data: dict[str, Any]


_data = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def decode_event_data(text: bytes | str) -> dict[str, Any]:
    """Returns ``event_data`` from its JSON text, with int and Decimal for numbers."""
    return _data.decode(text)

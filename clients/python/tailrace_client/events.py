"""Events as they are sent: one line of JSON each, with the id that makes a retry safe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that the command service can never accept, with its reason."""

    event: dict[str, Any]
    code: str
    message: str


def encode(
    event_type: str,
    user_id: int | str | None,
    data: Mapping[str, Any] | None,
    *,
    event_id: UUID | str | None,
    created_at: datetime | None,
    event_version: int | None,
) -> tuple[str, bytes]:
    """Returns the event's id and its line of JSON.

    Raises:
        TypeError, ValueError: ``data`` has no JSON form, or ``created_at`` has no time zone.
    """
    created_at = created_at or datetime.now(UTC)
    if created_at.tzinfo is None:
        raise ValueError(f"created_at is {created_at.isoformat()}, without a time zone: use datetime.now(UTC)")
    identity = str(event_id or uuid7())
    event: dict[str, Any] = {
        "event_id": identity,
        "event_type": event_type,
        "created_at": created_at.isoformat(),
        "event_data": dict(data or {}),
    }
    if user_id is not None:
        event["user_id"] = user_id
    if event_version is not None:
        event["event_version"] = event_version
    return identity, json.dumps(event, allow_nan=False, separators=(",", ":")).encode()

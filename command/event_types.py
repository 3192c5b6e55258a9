"""The event types that the log has. Its server remembers each distinct one, so their number is limited."""

from typing import Any

from contracts.errors import EventRejectedError
from contracts.subjects import EVENTS, LOG_STREAM, event_type_of, subject_of
from runtime.budget import Budget
from runtime.log.client import LogClient


class EventTypes:
    """The types that this process knows, with their subjects.

    The limit is soft: services in parallel can each accept a few more before they read each other's.
    """

    def __init__(self, limit: int, per_minute: int = 500) -> None:
        """``limit`` bounds all types, ``per_minute`` the new ones of each sender."""
        self._limit = limit
        self._per_minute = per_minute
        self._subjects: dict[str, str] = {}
        self._budgets: dict[str, Budget] = {}

    async def load(self, client: LogClient) -> None:
        """Replaces the known types by those of the log."""
        found: dict[str, str] = {}
        offset = 0  # not len(found): a new type shifts the pages, and another is listed twice
        while page := await _subjects_page(client, offset):
            found.update((event_type_of(subject), subject) for subject in page)
            offset += len(page)
        self._subjects = found

    def __len__(self) -> int:
        return len(self._subjects)

    def subject(self, event_type: str, sender: str = "") -> str:
        """Returns the subject of an event of this type; ``sender`` is the id of its key, or empty.

        Raises:
            EventRejectedError: ``too_many_event_types``: the type is new, and the log or the sender is at its limit.
        """
        subject = self._subjects.get(event_type)
        if subject is None:
            if len(self._subjects) >= self._limit:
                raise EventRejectedError(
                    "too_many_event_types",
                    f"event_type: {event_type!r} is new, and the log has reached its limit of {self._limit:,} types",
                )
            if sender not in self._budgets:
                self._budgets[sender] = Budget(self._per_minute / 60, seconds=60)
            if self._budgets[sender].spend():
                raise EventRejectedError(
                    "too_many_event_types",
                    f"event_type: {event_type!r} is new, and a sender may add {self._per_minute:,} types a minute",
                )
            subject = self._subjects[event_type] = subject_of(event_type)
        return subject


async def _subjects_page(client: LogClient, offset: int) -> list[str]:
    info: dict[str, Any] = await client.stream_info(LOG_STREAM, {"subjects_filter": EVENTS, "offset": offset})
    return list(info["state"].get("subjects") or {})

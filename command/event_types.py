"""Which event types the log has. The log's server remembers each distinct one, so their number has a limit."""

from typing import Any

from contracts.errors import EventRejectedError
from contracts.subjects import EVENTS, LOG_STREAM, event_type_of, subject_of
from runtime.log.client import LogClient


class EventTypes:
    """The types this process knows of, with their subjects.

    The limit is soft: services side by side can each let a last few in before they hear of each other's.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._subjects: dict[str, str] = {}

    async def load(self, client: LogClient) -> None:
        """Reads from the log which types there are, in place of what was known."""
        found: dict[str, str] = {}
        told = 0  # not what was found: a type that came meanwhile can have one told twice
        while page := await _subjects_page(client, told):
            found.update((event_type_of(subject), subject) for subject in page)
            told += len(page)
        self._subjects = found

    def __len__(self) -> int:
        return len(self._subjects)

    def subject(self, event_type: str) -> str:
        """The subject of an event of this type.

        Raises:
            EventRejectedError: ``too_many_event_types``, the type is new and the log has as many as it may.
        """
        subject = self._subjects.get(event_type)
        if subject is None:
            if len(self._subjects) >= self._limit:
                raise EventRejectedError(
                    "too_many_event_types",
                    f"event_type: {event_type!r} is new, and the log already has the {self._limit:,} it may have",
                )
            subject = self._subjects[event_type] = subject_of(event_type)
        return subject


async def _subjects_page(client: LogClient, offset: int) -> list[str]:
    info: dict[str, Any] = await client.stream_info(LOG_STREAM, {"subjects_filter": EVENTS, "offset": offset})
    return list(info["state"].get("subjects") or {})

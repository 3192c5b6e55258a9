"""A batch of log entries for all declared projections: read once, decoded once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from contracts.cursors import Cursor
from contracts.decoding import decode_plain
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import Event as StoredEvent
from contracts.events import read_entry
from contracts.upcasting import Upcasters
from projection.batch import Parked, park_entry
from tailrace.declared import Event, decode_event_data

Matches = Callable[[str], bool]


class LoggedEvent:
    """A valid event and its log entry."""

    __slots__ = ("_data", "entry", "stored")

    def __init__(self, entry: LogEntry, stored: StoredEvent) -> None:
        self.entry = entry
        self.stored = stored
        self._data: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The decoded ``event_data``, shared by all readers; treat it as read-only."""
        if self._data is None:
            self._data = decode_event_data(bytes(self.stored.event_data))
        return self._data

    def copy(self) -> Event:
        """Returns the event as users' code gets it: with an ``event_data`` of its own."""
        stored = self.stored
        return Event(
            seq=self.entry.seq,
            event_id=stored.event_id,
            event_type=stored.event_type,
            user_id=stored.user_id,
            created_at=stored.created_at,
            logged_at=self.entry.logged_at,
            event_data=decode_event_data(bytes(stored.event_data)),
        )


class Selection(NamedTuple):
    """What one projection applies of a batch: its events in order, and the entries that can't be read."""

    position: Cursor
    """The position after it."""
    logged_at: datetime | None
    """The log time there, if an entry was read there."""
    events: list[LoggedEvent]
    parked: list[Parked]

    def halves(self) -> "tuple[Selection, Selection]":
        """Splits a selection of several events."""
        middle = len(self.events) // 2
        last = self.events[middle - 1].entry
        parked = [one for one in self.parked if one.entry.seq <= last.seq]
        first = Selection(last.cursor(self.position.epoch), last.logged_at, self.events[:middle], parked)
        return first, self._replace(events=self.events[middle:], parked=self.parked[len(parked) :])


class _OnlyType(msgspec.Struct):
    event_type: str


_only_type = msgspec.json.Decoder(_OnlyType)


class SharedBatch:
    """What the log has between two positions, without the entries that repeat an id."""

    def __init__(
        self,
        behind: Cursor,
        position: Cursor,
        entries: Sequence[LogEntry],
        duplicates: set[int],
        upcasters: Upcasters,
    ) -> None:
        self.behind = behind
        self.position = position
        self.size = len(entries)
        self._logged_at = entries[-1].logged_at if entries else None
        self._events: list[LoggedEvent] = []
        self._parked: list[tuple[str, Parked]] = []
        for entry, event in zip(entries, decode_plain(entries, upcasters) if entries else (), strict=True):
            if entry.seq in duplicates:
                continue
            if event is None:
                try:
                    event = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=upcasters)
                except EventRejectedError as error:
                    self._park(entry, error)
                    continue
            self._events.append(LoggedEvent(entry, event))

    def select(self, matches: Matches, behind: int) -> Selection:
        """Returns the part of the batch behind sequence ``behind`` whose event types match."""
        events = [one for one in self._events if matches(one.stored.event_type) and one.entry.seq > behind]
        parked = [one for event_type, one in self._parked if matches(event_type) and one.entry.seq > behind]
        return Selection(self.position, self._logged_at, events, parked)

    def _park(self, entry: LogEntry, error: EventRejectedError) -> None:
        try:
            event_type = _only_type.decode(entry.payload).event_type
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return  # of no type: only the built-in model parks it
        self._parked.append((event_type, park_entry(entry, error.code, error.message)))

"""The core of the command side: turns what a sender wrote into events in the log, or into refusals with a reason."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from command.appender import BATCH, Message
from command.event_types import EventTypes
from command.metrics import CommandMetrics, Counters
from command.publishers import Publisher
from contracts.cursors import Cursor, id_fingerprint
from contracts.entries import Appended
from contracts.errors import EventRejectedError, LogUnavailableError, UnavailableError
from contracts.events import encode_event, read_event, readable_id
from contracts.subjects import LOG_STREAM
from contracts.upcasting import Upcasters
from contracts.users import no_user_key
from runtime.clock import Clock

SLICE, OVERHEAD = 128 * 1024, 512
"""Bytes that are validated before other requests get a turn; each event counts as ``OVERHEAD`` more than it has."""


FEW = 16
"""Events of a request that are validated at once; larger requests take turns."""


class TooManyPendingError(UnavailableError):
    """More events are pending than ``max_pending_events``: retry a little later."""


class Accepted(NamedTuple):
    """The log has the event at ``seq``; ``duplicate`` if it had it before."""

    event_id: str
    seq: int
    duplicate: bool


class Refused(NamedTuple):
    """The event can never be accepted as it is; ``event_id`` is None if none can be read."""

    event_id: str | None
    error: EventRejectedError


class Unstored(NamedTuple):
    """The log did not acknowledge the event but may have it: sending it again under this id is safe."""

    event_id: str | None
    error: LogUnavailableError


Outcome = Accepted | Refused | Unstored


class Pending:
    """A block during which events count as pending."""

    __slots__ = ("_counters", "_events")

    def __init__(self, counters: Counters, events: int) -> None:
        self._counters = counters
        self._events = events
        counters.pending += events

    def __enter__(self) -> None:
        pass

    def __exit__(self, *raised: object) -> None:
        self._counters.pending -= self._events


class Ingest:
    """Validates events and appends them to the log. One per process."""

    def __init__(
        self,
        log: Publisher,
        event_types: EventTypes,
        upcasters: Upcasters,
        metrics: CommandMetrics,
        epochs: "dict[str, str]",
        *,
        max_pending: int,
        identify: Callable[[str], int] = no_user_key,
    ) -> None:
        """``epochs`` has the epoch of each stream once the service runs. ``identify`` is that of ``read_event``."""
        self.clock = Clock()
        self.counters = metrics.counters
        self._rejected = metrics.rejected
        self._log = log
        self._event_types = event_types
        self._upcasters = upcasters
        self._epochs = epochs
        self._identify = identify
        self._max_pending = max_pending
        self._validating = asyncio.Lock()

    def admit(self, events: int) -> "Pending":
        """Counts events as pending until the returned block ends.

        A body larger than the limit is admitted if nothing else is pending; otherwise it never would be.

        Raises:
            TooManyPendingError: other events are pending, and these would exceed the limit.
        """
        pending = self.counters.pending
        if pending and pending + events > self._max_pending:
            raise self._too_many()
        return Pending(self.counters, events)

    def require_room(self) -> None:
        """Checks whether any further event can be admitted: cheap, and possible before a body is read.

        Raises:
            TooManyPendingError: none can.
        """
        if self.counters.pending >= self._max_pending:
            raise self._too_many()

    def _too_many(self) -> TooManyPendingError:
        pending = self.counters.pending
        return TooManyPendingError(f"{pending:,} events are on their way into the log; send this again a little later")

    def cursor(self, event: Accepted) -> Cursor:
        """Returns the event's position in the log."""
        return Cursor(self._epochs[LOG_STREAM], event.seq, id_fingerprint(event.event_id))

    def count_rejected(self, error: EventRejectedError) -> None:
        """Counts a refusal; ``append_all`` does so itself."""
        self.counters.rejected += 1
        self._rejected.labels(error.code).inc()

    async def append(
        self, raw: bytes, *, new_id: Callable[[], UUID] = uuid7, default_created_at: datetime | None = None
    ) -> Accepted:
        """Validates one event and appends it; ``read_event`` says how missing members are filled in.

        A refusal is not counted: the caller knows whether it has been refused before.

        Raises:
            EventRejectedError: with a code and a reason.
            LogUnavailableError: the log did not acknowledge it.
        """
        [outcome] = await self._append_batch([raw], new_id, default_created_at)
        if isinstance(outcome, Accepted):
            return outcome
        raise outcome.error

    async def append_all(self, raws: Sequence[bytes], sender: str = "") -> list[Outcome]:
        """Validates the events of a sender and appends them in order; one outcome for each, in order.

        After the first batch in which the log fails to acknowledge an event, the batches behind it are not tried.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(raws), BATCH):
            batch = await self._append_batch(raws[start : start + BATCH], sender=sender)
            outcomes += batch
            for outcome in batch:
                if isinstance(outcome, Refused):
                    self.count_rejected(outcome.error)
            failure = next((outcome.error for outcome in batch if isinstance(outcome, Unstored)), None)
            if failure is not None:
                behind = raws[start + BATCH :]
                self.counters.unstored += len(behind)
                outcomes += [Unstored(_readable_id(raw), failure) for raw in behind]
                break
        return outcomes

    async def _append_batch(
        self,
        raws: Sequence[bytes],
        new_id: Callable[[], UUID] = uuid7,
        default_created_at: datetime | None = None,
        sender: str = "",
    ) -> list[Outcome]:
        if len(raws) <= FEW:
            read, messages = await self._validate(raws, new_id, default_created_at, sender)
        else:
            # one after the other, with a turn for other requests in between: they are refused or admitted soon
            async with self._validating:
                read, messages = await self._validate(raws, new_id, default_created_at, sender)
                await asyncio.sleep(0)
        appended = iter(await self._log.publish(messages))
        return [item if isinstance(item, Refused) else self._outcome(item.message_id, next(appended)) for item in read]

    async def _validate(
        self, raws: Sequence[bytes], new_id: Callable[[], UUID], default_created_at: datetime | None, sender: str
    ) -> tuple[list[Refused | Message], list[Message]]:
        """Returns a refusal or a message for each event, in order, and the messages."""
        now = self.clock.now()
        read: list[Refused | Message] = []
        messages: list[Message] = []
        unjudged = 0
        for raw in raws:
            if unjudged >= SLICE:
                unjudged = 0
                await asyncio.sleep(0)
            unjudged += len(raw) + OVERHEAD
            try:
                event = read_event(
                    raw,
                    now=now,
                    new_id=new_id,
                    default_created_at=default_created_at,
                    upcasters=self._upcasters,
                    identify=self._identify,
                )
                subject = self._event_types.subject(event.event_type, sender)
            except EventRejectedError as error:
                read.append(Refused(_readable_id(raw), error))
                continue
            payload = encode_event(event)
            # an encoded event begins {"event_id":"<36 characters>"
            message = Message(subject, payload, payload[13:49].decode())
            read.append(message)
            messages.append(message)
        return read, messages

    def _outcome(self, event_id: str, outcome: Appended | LogUnavailableError) -> Accepted | Unstored:
        if isinstance(outcome, LogUnavailableError):
            self.counters.unstored += 1
            return Unstored(event_id, outcome)
        self.counters.accepted += 1
        self.counters.duplicates += outcome.duplicate
        return Accepted(event_id, outcome.seq, outcome.duplicate)


def _readable_id(raw: bytes) -> str | None:
    found = readable_id(raw)
    return None if found is None else str(found)

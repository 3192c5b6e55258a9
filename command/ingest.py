"""The heart of the command side: what a sender wrote becomes an event in the log, or a refusal with its reason."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from command.appender import BATCH, Appender, Message
from command.event_types import EventTypes
from command.metrics import CommandMetrics
from contracts.cursors import Cursor, id_fingerprint
from contracts.entries import Appended
from contracts.errors import EventRejectedError, LogUnavailableError, UnavailableError
from contracts.events import Event, encode_event, read_event, readable_id
from contracts.upcasting import Upcasters


class TooManyPendingError(UnavailableError):
    """More events are on their way into the log than may be: send it again a little later."""


class Accepted(NamedTuple):
    """The log has the event; it had it before if ``duplicate``, and ``cursor`` is then where."""

    event_id: UUID
    cursor: Cursor
    duplicate: bool


class Refused(NamedTuple):
    """The event can never be accepted as it is. ``event_id`` where one could be read."""

    event_id: UUID | None
    error: EventRejectedError


class Unstored(NamedTuple):
    """The log did not acknowledge the event, which may be in it all the same: safe to send again under this id."""

    event_id: UUID | None
    error: LogUnavailableError


class Ingest:
    """Validates and appends. One per process."""

    def __init__(
        self,
        appender: Appender,
        event_types: EventTypes,
        upcasters: Upcasters,
        metrics: CommandMetrics,
        epoch: str,
        *,
        max_pending: int,
    ) -> None:
        self.counters = metrics.counters
        self._rejected = metrics.rejected
        self._appender = appender
        self._event_types = event_types
        self._upcasters = upcasters
        self._epoch = epoch
        self._max_pending = max_pending

    @contextmanager
    def admitted(self, events: int) -> Iterator[None]:
        """Counts events as pending while the block runs.

        A body bigger than the limit is taken when it is alone: else it never could be.

        Raises:
            TooManyPendingError: others are in flight and the limit would be passed.
        """
        pending = self.counters.pending
        if pending and pending + events > self._max_pending:
            raise TooManyPendingError(
                f"{pending:,} events are on their way into the log; send this again a little later"
            )
        self.counters.pending += events
        try:
            yield
        finally:
            self.counters.pending -= events

    async def take(
        self, raw: bytes, *, new_id: Callable[[], UUID] = uuid7, default_created_at: datetime | None = None
    ) -> Accepted:
        """Takes one event in; what is missing is filled in as ``read_event`` says.

        Raises:
            EventRejectedError: with a code and a reason.
            LogUnavailableError: the log did not acknowledge it.
        """
        try:
            event, message = self._read(raw, datetime.now(UTC), new_id, default_created_at)
        except EventRejectedError as error:
            self._count_rejected(error)
            raise
        [appended] = await self._appender.append_all([message])
        outcome = self._outcome(event.event_id, appended)
        if isinstance(outcome, Unstored):
            raise outcome.error
        return outcome

    async def take_all(self, raws: Sequence[bytes]) -> "list[Accepted | Refused | Unstored]":
        """Takes events in, in order; one outcome for each, in order.

        Once the log fails to acknowledge one, those behind its batch are not tried any more.
        """
        outcomes: list[Accepted | Refused | Unstored] = []
        for start in range(0, len(raws), BATCH):
            batch = await self._take_batch(raws[start : start + BATCH])
            outcomes += batch
            failure = next((outcome.error for outcome in batch if isinstance(outcome, Unstored)), None)
            if failure is not None:
                behind = [Unstored(readable_id(raw), failure) for raw in raws[start + BATCH :]]
                self.counters.unstored += len(behind)
                outcomes += behind
                break
        return outcomes

    async def _take_batch(self, raws: Sequence[bytes]) -> "list[Accepted | Refused | Unstored]":
        now = datetime.now(UTC)
        read: list[Refused | UUID] = []
        messages: list[Message] = []
        for raw in raws:
            try:
                event, message = self._read(raw, now, uuid7, None)
            except EventRejectedError as error:
                self._count_rejected(error)
                read.append(Refused(readable_id(raw), error))
                continue
            read.append(event.event_id)
            messages.append(message)
        appended = iter(await self._appender.append_all(messages))
        return [item if isinstance(item, Refused) else self._outcome(item, next(appended)) for item in read]

    def _read(
        self, raw: bytes, now: datetime, new_id: Callable[[], UUID], default_created_at: datetime | None
    ) -> tuple[Event, Message]:
        event = read_event(
            raw, now=now, new_id=new_id, default_created_at=default_created_at, upcasters=self._upcasters
        )
        return event, Message(self._event_types.subject(event.event_type), encode_event(event), str(event.event_id))

    def _outcome(self, event_id: UUID, outcome: Appended | LogUnavailableError) -> Accepted | Unstored:
        if isinstance(outcome, LogUnavailableError):
            self.counters.unstored += 1
            return Unstored(event_id, outcome)
        self.counters.accepted += 1
        self.counters.duplicates += outcome.duplicate
        return Accepted(event_id, Cursor(self._epoch, outcome.seq, id_fingerprint(str(event_id))), outcome.duplicate)

    def _count_rejected(self, error: EventRejectedError) -> None:
        self.counters.rejected += 1
        self._rejected.labels(error.code).inc()

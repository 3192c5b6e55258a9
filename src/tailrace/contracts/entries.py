"""What the log holds: one entry per message, and where the log stands."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from tailrace.contracts.cursors import Cursor, full_mark
from tailrace.contracts.events import readable_id


class LogEntry(NamedTuple):
    """One message of the log.

    ``seq`` counts from 1 without holes, ``time_ns`` is when the log took it (ns since 1970), ``message_id`` its
    ``Nats-Msg-Id`` ("" where the publisher gave none).
    """

    seq: int
    time_ns: int
    message_id: str
    payload: bytes

    @property
    def logged_at(self) -> datetime:
        """When the log took it, to the microsecond."""
        # exact: until the year 2106 the doubles are closer together than half a microsecond
        return datetime.fromtimestamp(self.time_ns // 1000 / 1e6, UTC)

    @property
    def event_id(self) -> UUID | None:
        """The id this entry claims, where one can be read."""
        return readable_id(self.payload)

    def cursor(self, epoch: str) -> Cursor:
        """The position of whoever has seen this entry."""
        return Cursor(epoch, self.seq, full_mark(self.message_id, self.time_ns))


class LogState(NamedTuple):
    """Where the log stands. An empty log has ``first_seq`` = ``last_seq`` + 1."""

    epoch: str
    first_seq: int
    last_seq: int
    bytes: int
    subjects: int
    """Distinct subjects, which is distinct event types."""


class Appended(NamedTuple):
    """The log's acknowledgement: the event is stored at ``seq``, before this if ``duplicate``."""

    seq: int
    duplicate: bool

"""What a consumer of the log delivers: which entry it is, and whether it is the next one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError


class Fetcher(ABC):
    """A pull consumer that delivers the log in order from one sequence on, without acknowledgements."""

    def __init__(self) -> None:
        self._delivered = 0

    @abstractmethod
    async def fetch(self, limit: int, wait: float) -> list[LogEntry]:
        """What is there, 1 to ``limit`` entries at once; waits up to ``wait`` seconds for a first one, then [].

        Raises:
            LogUnavailableError: the connection or the consumer is gone, or something that it delivered.
        """

    def check(self, first: str, last: str, count: int) -> None:
        """Makes sure that ``count`` deliveries, with these reply subjects at their ends, are the next ones.

        Raises:
            LogUnavailableError: something was lost on its way, or the consumer began anew: where only some entries are
                asked for, nothing else would tell.
        """
        wanted, came, self._delivered = self._delivered + 1, _number(first), _number(last)
        if (came, self._delivered) != (wanted, wanted + count - 1):
            raise LogUnavailableError(f"reading the log failed: delivery {wanted} was lost, number {came} came")

    @abstractmethod
    async def close(self) -> None:
        """Ends the consumer in the server, if it can be reached."""


def entry_from(reply_subject: str, headers: Mapping[str, str] | None, payload: bytes) -> LogEntry:
    """An entry from a delivered message; its reply subject says where it stands (``$JS.ACK…``, 9 or 11+ tokens)."""
    tokens = reply_subject.split(".")
    seq, time_ns = (5, 7) if len(tokens) == 9 else (7, 9)
    if headers is None:
        return LogEntry(int(tokens[seq]), int(tokens[time_ns]), "", payload)
    get = headers.get
    return LogEntry(int(tokens[seq]), int(tokens[time_ns]), get("Nats-Msg-Id", ""), payload, get("traceparent", ""))


def _number(reply_subject: str) -> int:
    """Which of its consumer's deliveries it is, from 1."""
    tokens = reply_subject.split(".")
    return int(tokens[6 if len(tokens) == 9 else 8])

"""The log's client: everything the project asks of JetStream, over whichever NATS library an adapter brings.

An adapter gives three things: request-reply, fetching from a pull consumer, and how often it has connected. The rest,
JetStream's JSON API, is the same for both and is here.
"""

import json
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Collection
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from contracts.entries import Appended, Gap, LogEntry, LogState, gap_around, merge_gaps
from contracts.errors import ConfigurationError, LogFullError, LogUnavailableError, TailraceError
from contracts.subjects import EVENTS, LOG_STREAM
from runtime.log.deliveries import Fetcher

REQUEST_TIMEOUT = 5.0
READER_LEASE = 30.0
"""Seconds an idle reader's consumer lives in the server: what a crashed reader leaves behind goes away by itself."""

_STREAM_NOT_FOUND = 10059
_NO_MESSAGE = 10037
_UNAVAILABLE = 503
_MAY_PASS = {
    10005,  # no suitable peers: servers of the cluster have not joined yet
    10006,  # not in clustered mode, yet
    10007,  # not assigned to this server
    10009,  # not the leader
    10012,  # a consumer could not be created
    10028,  # no memory left
    10041,  # Raft
    10047,  # no storage left
    10118,  # the stream is offline
    10119,  # the consumer is offline
}
"""Error codes without HTTP's 503 that also describe the server's present state, not the request."""
_STORE_FAILED = 10077
_INSUFFICIENT_RESOURCES = 10023
_STORAGE_EXCEEDED = 10047
_FULL = {_STORE_FAILED, _INSUFFICIENT_RESOURCES, _STORAGE_EXCEEDED}


class Reply(NamedTuple):
    """An answer to a request; ``status`` is a NATS status such as 404, 0 where there is none."""

    payload: bytes
    headers: dict[str, str]
    status: int


class JetStreamApiError(TailraceError):
    """JetStream refuses a request, and would refuse it again: stop and show the message.

    ``err_code`` is JetStream's stable number.
    """

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(f"the log's server refused: {description} (JetStream error {err_code})")
        self.err_code = err_code
        self.description = description


class JetStreamUnavailableError(LogUnavailableError):
    """JetStream can't serve a request at present, such as without a leader or without enough peers: retry.

    ``err_code`` is JetStream's stable number.
    """

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(f"the log's server can't do this now: {description} (JetStream error {err_code})")
        self.err_code = err_code


class StreamMissingError(LogUnavailableError):
    """The stream does not exist: run `tailrace migrate`. A service that does not create streams waits for it."""


class LogClient(ABC):
    """A connection to the log's server."""

    generation: int
    """How often the connection was made; a change tells that the server may have another history."""
    server_version: str
    """Of the server that is connected."""

    @abstractmethod
    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> Reply:
        """Asks and waits for one answer.

        Raises:
            LogUnavailableError: nobody answered in ``timeout`` seconds, or there is no connection.
        """

    @abstractmethod
    async def fetcher(self, stream: str, consumer: str) -> Fetcher:
        """Fetches from an existing pull consumer."""

    @abstractmethod
    async def close(self) -> None:
        """Ends the connection; safe to call twice."""

    async def api(self, endpoint: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Calls JetStream's JSON API, ``$JS.API.<endpoint>``.

        Raises:
            JetStreamApiError: it refused the request.
            LogUnavailableError: it did not answer, or can't serve the request at present.
        """
        payload = json.dumps(body).encode() if body is not None else b""
        reply = await self.request(f"$JS.API.{endpoint}", payload)
        if reply.status == _UNAVAILABLE:
            raise LogUnavailableError("the log's server is up but JetStream does not answer")
        answer: dict[str, Any] = json.loads(reply.payload)
        if error := answer.get("error"):
            err_code, description = error.get("err_code", 0), error.get("description", "unknown")
            passes = error.get("code") == _UNAVAILABLE or err_code in _MAY_PASS
            raise (JetStreamUnavailableError if passes else JetStreamApiError)(err_code, description)
        return answer

    async def stream_info(self, stream: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """JetStream's description of a stream: ``config`` and ``state``.

        Raises:
            StreamMissingError: there is no such stream.
            LogUnavailableError: the stream has no leader.
        """
        try:
            info = await self.api(f"STREAM.INFO.{stream}", body)
        except JetStreamApiError as error:
            if error.err_code == _STREAM_NOT_FOUND:
                raise StreamMissingError(f"the stream {stream} does not exist") from None
            raise
        # then any replica speaks for itself, also one that lags: what was read would look lost
        if not info.get("cluster", {"leader": "itself"}).get("leader"):
            raise LogUnavailableError(f"the stream {stream} has no leader: too few of the log's servers are there")
        return info

    async def state(self) -> LogState:
        """Where the log stands now."""
        info = await self.stream_info(LOG_STREAM)
        state, gaps = info["state"], gaps_of(info)
        last = issued = state["last_seq"]
        gap = gap_around(issued, gaps)
        # a server that lost an end may give its sequences out again: what is there counts
        if gap is not None and await self.get(issued) is None:
            last = gap.first - 1
        return LogState(
            epoch=epoch_of(info),
            first_seq=max(state["first_seq"], 1),
            last_seq=last,
            issued_seq=issued,
            entries=state["messages"],
            bytes=state["bytes"],
            subjects=state.get("num_subjects", 0),
            gaps=gaps,
        )

    async def get(self, seq: int, stream: str = LOG_STREAM) -> LogEntry | None:
        """The entry at ``seq`` (from 1) of the log, or of another stream; None where there is none.

        Any replica answers; where one does not have it, the stream's leader decides: it may only lag behind.
        """
        wanted = {"seq": seq}
        return await self._get(stream, wanted) or await self._get_of_leader(stream, wanted)

    async def _get_of_leader(self, stream: str, wanted: dict[str, Any]) -> LogEntry | None:
        found = await self._message(stream, wanted)
        if found is None:
            return None
        headers = message_from_bytes(b64decode(found.get("hdrs", "")).partition(b"\r\n")[2])
        message_id = headers.get("Nats-Msg-Id", "")
        return LogEntry(found["seq"], _nanoseconds(found["time"]), message_id, b64decode(found.get("data", "")))

    async def first_since(self, moment: datetime) -> LogEntry | None:
        """The first entry that the log took at ``moment`` or later; None where there is none."""
        body = {"start_time": moment.astimezone(UTC).isoformat(), "next_by_subj": EVENTS}
        return await self._get(LOG_STREAM, body) or await self._get_of_leader(LOG_STREAM, body)

    async def _get(self, stream: str, wanted: dict[str, Any]) -> LogEntry | None:
        reply = await self.request(f"$JS.API.DIRECT.GET.{stream}", json.dumps(wanted).encode())
        if reply.status == 404:
            return None
        if reply.status:
            raise LogUnavailableError(f"{stream} did not answer for {wanted} (status {reply.status})")
        return LogEntry(
            int(reply.headers["Nats-Sequence"]),
            _nanoseconds(reply.headers["Nats-Time-Stamp"]),
            reply.headers.get("Nats-Msg-Id", ""),
            reply.payload,
        )

    async def next_seq(self, seq: int, subject: str = EVENTS) -> int | None:
        """The first sequence from ``seq`` on whose entry (of a subject) can be read; None where none follows.

        The stream's leader answers: a replica that lags behind is not taken for a loss.
        """
        found = await self._message(LOG_STREAM, {"seq": seq, "next_by_subj": subject})
        return None if found is None else int(found["seq"])

    async def _message(self, stream: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """A message as the stream's leader has it."""
        try:
            found: dict[str, Any] = (await self.api(f"STREAM.MSG.GET.{stream}", wanted))["message"]
        except JetStreamApiError as error:
            if error.err_code == _NO_MESSAGE:
                return None
            raise
        return found

    async def fetch_from(self, seq: int) -> Fetcher:
        """Reads the log in order from ``seq`` on."""
        return (await self.select_from(seq, ()))[0]

    async def select_from(self, seq: int, subjects: Collection[str]) -> tuple[Fetcher, int]:
        """Reads those entries from ``seq`` on that have one of ``subjects`` (filters that don't overlap; none: all).

        The number is how many of them there are now; fewer, where a replica answers that lags.
        """
        name = f"reader-{uuid4().hex}"
        body = {
            "stream_name": LOG_STREAM,
            "config": {
                "name": name,
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": seq,
                "ack_policy": "none",
                "replay_policy": "instant",
                "max_deliver": 1,
                "mem_storage": True,
                "num_replicas": 1,
                "inactive_threshold": int(READER_LEASE * 1e9),
                **({"filter_subjects": list(subjects)} if subjects else {}),
            },
            "action": "create",
        }
        made = await self.api(f"CONSUMER.CREATE.{LOG_STREAM}.{name}", body)
        return await self.fetcher(LOG_STREAM, name), made["num_pending"]


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: dict[str, Any] | None = None


_decode_ack = msgspec.json.Decoder(_Ack).decode


def read_ack(payload: bytes, status: int) -> Appended:
    """Reads a stream's answer to a publish; ``status`` is the reply's, 0 for a reply without one.

    Raises:
        LogFullError: a limit is reached.
        LogUnavailableError: the stream did not store it.
    """
    if status == _UNAVAILABLE:
        raise LogUnavailableError("the log's stream does not exist or has no leader")
    try:
        ack = _decode_ack(payload)
    except msgspec.MsgspecError as error:
        raise LogUnavailableError(f"the log's answer can't be read: {error}") from None
    if ack.error:
        kind = LogFullError if ack.error.get("err_code") in _FULL else LogUnavailableError
        raise kind(f"the log refused the event: {ack.error.get('description', 'unknown')}")
    return Appended(ack.seq, ack.duplicate)


def epoch_of(info: dict[str, Any]) -> str:
    """The epoch in a stream's description; "" where a foreign hand made the stream."""
    epoch: str = (info["config"].get("metadata") or {}).get(EPOCH_KEY, "")
    return epoch


EPOCH_KEY = "tailrace-epoch"


def gaps_of(info: dict[str, Any]) -> tuple[Gap, ...]:
    """The recorded gaps in a stream's description.

    Raises:
        ConfigurationError: a foreign hand wrote there.
    """
    text: str = (info["config"].get("metadata") or {}).get(GAPS_KEY, "")
    try:
        return merge_gaps(Gap(*map(int, gap.split("-", 1))) for gap in text.split(",") if gap)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"the log's stream says {GAPS_KEY} {text!r} in its metadata: mend it, to gaps such as 1200-1399,5000-5000"
        ) from None


def gaps_text(gaps: tuple[Gap, ...]) -> str:
    """Gaps as the stream's metadata keeps them."""
    return ",".join(f"{gap.first}-{gap.last}" for gap in gaps)


GAPS_KEY = "tailrace-gaps"


def _nanoseconds(timestamp: str) -> int:
    # RFC 3339 in UTC with 0 to 9 digits of a second; datetime keeps 6
    whole, _, rest = timestamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 1_000_000_000 + int(rest.ljust(9, "0")[:9] if rest else 0)

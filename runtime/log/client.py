"""The log's client: requests to JetStream's JSON API over a nats-py connection."""

import json
from base64 import b64decode
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any, NamedTuple, Self
from uuid import uuid4

import msgspec
from nats.aio.client import Client
from nats.errors import NoRespondersError

from contracts.entries import Appended, LogEntry, LogState, gap_around
from contracts.errors import LogFullError, LogUnavailableError
from contracts.subjects import EVENTS, LOG_STREAM
from runtime.clock import Clock, system_time
from runtime.log.consumer import Consumer
from runtime.log.errors import UNREACHABLE, JetStreamApiError, PermissionErrors, StreamMissingError, api_error
from runtime.log.metadata import epoch_of, gaps_of
from runtime.log.parser import install_parser

REQUEST_TIMEOUT = 5.0
READER_LEASE = 30.0
"""Seconds until the server deletes the idle consumer of a reader, such as one that crashed."""

_FIRST_TIME, _LAST_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""Bounds of log times: the server's count of nanoseconds overflows in 2262 and before 1678."""
_UNAVAILABLE = 503
_NO_MESSAGE = 10037
_STORE_FAILED = 10077
_INSUFFICIENT_RESOURCES = 10023
_STORAGE_EXCEEDED = 10047
_FULL = {_STORE_FAILED, _INSUFFICIENT_RESOURCES, _STORAGE_EXCEEDED}


class Reply(NamedTuple):
    """An answer to a request; ``status`` is a NATS status such as 404, or 0."""

    payload: bytes
    headers: dict[str, str]
    status: int


class LogClient:
    """A connection to the log's server."""

    def __init__(self, connection: Client, *, owned: bool = True, permissions: PermissionErrors | None = None) -> None:
        """Wraps a connected client. Only an ``owned`` one gets the parser for reading, and is closed by ``close``."""
        self._connection = connection
        self._owned = owned
        self._permissions = permissions or PermissionErrors()
        self._parser = install_parser(connection) if owned else None
        self.clock = Clock()

    @property
    def generation(self) -> int:
        """Number of reconnects; after a change the server may have another history."""
        return int(self._connection.stats["reconnects"])

    @property
    def server_version(self) -> str:
        """Version of the connected server."""
        version = self._connection.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> Reply:
        """Sends a request and waits for one answer.

        Raises:
            LogUnavailableError: no answer within ``timeout`` seconds, or no connection.
        """
        try:
            message = await self._connection.request(subject, payload, timeout=timeout, headers=headers)
        except NoRespondersError:
            return Reply(b"", {}, _UNAVAILABLE)
        except UNREACHABLE as error:
            silent = f"the log's server does not answer: {error or type(error).__name__}"
            raise LogUnavailableError(self._permissions.sentence(subject) or silent) from error
        found = message.headers or {}
        return Reply(message.data, found, int(found.get("Status", 0)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection; safe to call twice."""
        if self._owned:
            await close_connection(self._connection)

    async def api(self, endpoint: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Calls JetStream's JSON API, ``$JS.API.<endpoint>``.

        Raises:
            JetStreamApiError: it refused the request.
            StreamMissingError: the request's stream does not exist.
            LogUnavailableError: it did not answer, or can't serve the request at present.
        """
        payload = json.dumps(body).encode() if body is not None else b""
        reply = await self.request(f"$JS.API.{endpoint}", payload)
        if reply.status == _UNAVAILABLE:
            raise LogUnavailableError("the log's server is up but JetStream does not answer")
        answer: dict[str, Any] = json.loads(reply.payload)
        if error := answer.get("error"):
            raise api_error(error, endpoint)
        return answer

    async def stream_info(self, stream: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns JetStream's description of a stream, with ``config`` and ``state``.

        Raises:
            StreamMissingError: the stream does not exist.
            LogUnavailableError: the stream has no leader.
        """
        try:
            asked_at = system_time()
            info = await self.api(f"STREAM.INFO.{stream}", body)
            self.clock.compare(datetime.fromisoformat(info["ts"]), asked_at)
        except StreamMissingError:
            raise StreamMissingError(f"the stream {stream} does not exist") from None
        # without a leader any replica answers for itself; one that lags would make read entries look lost
        if not info.get("cluster", {"leader": "itself"}).get("leader"):
            raise LogUnavailableError(f"the stream {stream} has no leader: too few of the log's servers are up")
        return info

    async def state(self) -> LogState:
        """Returns the present state of the log."""
        info = await self.stream_info(LOG_STREAM)
        state, gaps = info["state"], gaps_of(info)
        last = issued = state["last_seq"]
        gap = gap_around(issued, gaps)
        # a server that lost the log's end may assign its sequences again: an existing entry counts
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
        """Returns the entry at ``seq`` (from 1) of the log or another stream; None if there is none.

        Any replica answers. If it lacks the entry, the stream's leader decides, since the replica may lag.
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

    async def first_since(self, time: datetime) -> LogEntry | None:
        """Returns the first entry with a log time of ``time`` or later; None if there is none."""
        if time >= _LAST_TIME:
            return None
        time = max(time, _FIRST_TIME)
        body = {"start_time": time.astimezone(UTC).isoformat(), "next_by_subj": EVENTS}
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
        """Returns the first sequence, from ``seq`` on, with a readable entry of a subject; None if there is none.

        The stream's leader answers, so a replica that lags does not look like a loss.
        """
        found = await self._message(LOG_STREAM, {"seq": seq, "next_by_subj": subject})
        return None if found is None else int(found["seq"])

    async def _message(self, stream: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """Returns a message of the stream's leader."""
        try:
            found: dict[str, Any] = (await self.api(f"STREAM.MSG.GET.{stream}", wanted))["message"]
        except JetStreamApiError as error:
            if error.err_code == _NO_MESSAGE:
                return None
            raise
        return found

    async def consume(self, seq: int, subjects: Collection[str] = ()) -> Consumer:
        """Opens a consumer of the log's entries from ``seq`` on, in order.

        ``subjects`` are filters that don't overlap; without them it delivers every entry. The consumer's ``pending``
        may be too low if a replica that lags has answered.
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
        created = await self.api(f"CONSUMER.CREATE.{LOG_STREAM}.{name}", body)
        return await self.open_consumer(LOG_STREAM, name, pending=created["num_pending"])

    async def open_consumer(self, stream: str, name: str, *, pending: int = 0) -> Consumer:
        """Opens an existing pull consumer, which has ``pending`` entries to deliver."""
        return await Consumer.open(self._connection, self._parser, self.api, f"{stream}.{name}", pending)


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


def _nanoseconds(timestamp: str) -> int:
    # RFC 3339 in UTC with 0 to 9 digits of a second; datetime keeps 6
    whole, _, rest = timestamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 1_000_000_000 + int(rest.ljust(9, "0")[:9] if rest else 0)


async def close_connection(connection: Client) -> None:
    """Closes a nats-py connection, whatever its state."""
    if connection.is_closed:
        return
    # without a server, nats-py writes to a closed transport
    with suppress(TypeError, RuntimeError, *UNREACHABLE):
        await connection.close()

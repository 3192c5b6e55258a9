"""Messages of the inbox that validation refused, stored with the reason in a stream of their own."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from command.appender import Message
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import readable_id
from contracts.subjects import REJECTED_PREFIX, REJECTED_STREAM
from runtime.log.client import LogClient

_ROOM = 16 * 1024
"""Bytes of a NATS message that are reserved for everything but the payload."""


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A refused message and the reason. ``payload`` is its text, or base64 if it is not UTF-8."""

    code: Annotated[str, Meta(description="the reason in one word")]
    message: Annotated[str, Meta(description="the reason in a sentence")]
    event_id: Annotated[UUID | None, Meta(description="the event's id, if one can be read")] = None
    source: Annotated[str, Meta(description="where the message came from")] = "inbox"
    inbox_seq: Annotated[int, Meta(description="its sequence in the inbox's stream")]
    received_at: Annotated[datetime, Meta(tz=True, description="when the inbox stored it")]
    payload: Annotated[str, Meta(description="the message, or its beginning")]
    payload_encoding: Annotated[str, Meta(description="`utf-8` or `base64`")] = "utf-8"
    payload_bytes: Annotated[
        int,
        Meta(description="size of the message; `payload` has less of it if it was too long to store"),
    ]
    truncated: Annotated[bool, Meta(description="whether `payload` is only its beginning")] = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Rejected)


def rejected_message(entry: LogEntry, error: EventRejectedError, *, inbox_epoch: str, max_payload: int) -> Message:
    """Returns the message that stores a refused inbox entry; the stream drops a second one for the same entry.

    ``max_payload`` is the server's limit in bytes.
    """
    encoded = _encoder.encode(_record(entry, error, entry.payload))
    if len(encoded) > max_payload - _ROOM:
        # JSON can take six characters for one byte
        encoded = _encoder.encode(_record(entry, error, entry.payload[: (max_payload - _ROOM) // 6]))
    return Message(f"{REJECTED_PREFIX}{error.code}", encoded, f"rejected:{inbox_epoch}:{entry.seq}:{entry.time_ns}")


def _record(entry: LogEntry, error: EventRejectedError, kept: bytes) -> Rejected:
    truncated = len(kept) < len(entry.payload)
    try:
        text, encoding = kept.decode(errors="ignore" if truncated else "strict"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(kept).decode(), "base64"
    return Rejected(
        code=error.code,
        message=error.message,
        event_id=readable_id(entry.payload),
        inbox_seq=entry.seq,
        received_at=entry.logged_at,
        payload=text,
        payload_encoding=encoding,
        payload_bytes=len(entry.payload),
        truncated=truncated,
    )


async def list_rejected(client: LogClient, limit: int) -> list[Rejected]:
    """Returns the last ``limit`` refused messages, the latest first.

    Raises:
        StreamMissingError: the streams do not exist yet.
        LogUnavailableError: the log does not answer.
    """
    state = (await client.stream_info(REJECTED_STREAM))["state"]
    found: list[Rejected] = []
    seq, first = int(state["last_seq"]), max(int(state["first_seq"]), 1)
    while seq >= first and len(found) < limit:
        rejected = await _get(client, seq)
        if rejected is not None:
            found.append(rejected)
        seq -= 1
    return found


async def _get(client: LogClient, seq: int) -> Rejected | None:
    entry = await client.get(seq, REJECTED_STREAM)
    if entry is None:
        return None  # deleted
    try:
        return _decoder.decode(entry.payload)
    except msgspec.MsgspecError:
        return _foreign(entry.payload, seq)


def _foreign(payload: bytes, seq: int) -> Rejected:
    # a message of another program on this subject: listed, so that the list is complete
    shown: dict[str, Any] = {"payload": payload.decode(errors="replace"), "payload_bytes": len(payload)}
    return Rejected(
        code="unreadable",
        message=f"message {seq} of the stream {REJECTED_STREAM} was not written by Tailrace",
        source="unknown",
        inbox_seq=0,
        received_at=datetime.fromtimestamp(0, UTC),
        **shown,
    )

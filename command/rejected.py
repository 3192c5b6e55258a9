"""What validation refused from the inbox, kept in a stream of its own with the reason."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from command.appender import Appender, Message
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import readable_id
from contracts.subjects import REJECTED_PREFIX, REJECTED_STREAM
from runtime.log.client import LogClient

_ROOM = 16 * 1024
"""Bytes of a NATS message left for headers and everything but the payload."""


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A refused message and why. ``payload`` is its text, or base64 where it is not UTF-8."""

    code: Annotated[str, Meta(description="the reason in one word")]
    message: Annotated[str, Meta(description="the reason in a sentence")]
    event_id: Annotated[UUID | None, Meta(description="the event's id, where one could be read")] = None
    source: Annotated[str, Meta(description="where it came from")] = "inbox"
    inbox_seq: Annotated[int, Meta(description="its sequence in the inbox's stream")]
    received_at: Annotated[datetime, Meta(tz=True, description="when the inbox took it")]
    payload: Annotated[str, Meta(description="the message as it came, or its beginning")]
    payload_encoding: Annotated[str, Meta(description="`utf-8` or `base64`")] = "utf-8"
    payload_bytes: Annotated[
        int,
        Meta(description="size of the message as it came; `payload` has less of it where that was too long to keep"),
    ]
    truncated: Annotated[bool, Meta(description="whether `payload` is only its beginning")] = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Rejected)


async def keep_rejected(
    appender: Appender, entry: LogEntry, error: EventRejectedError, *, inbox_epoch: str, max_payload: int
) -> None:
    """Stores a refused inbox entry; the same entry again adds nothing.

    ``max_payload`` is the size of message that the server takes, in bytes.

    Raises:
        LogUnavailableError: it is not stored.
    """
    rejected = _record(entry, error, entry.payload)
    encoded = _encoder.encode(rejected)
    if len(encoded) > max_payload - _ROOM:
        # JSON may need six characters for one byte
        encoded = _encoder.encode(_record(entry, error, entry.payload[: (max_payload - _ROOM) // 6]))
    await appender.append(
        Message(f"{REJECTED_PREFIX}{error.code}", encoded, f"rejected:{inbox_epoch}:{entry.seq}:{entry.time_ns}")
    )


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
    """The last ``limit`` refused messages, the latest first.

    Raises:
        StreamMissingError: nothing was ever set up here.
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
        return None  # deleted by someone
    try:
        return _decoder.decode(entry.payload)
    except msgspec.MsgspecError:
        return _foreign(entry.payload, seq)


def _foreign(payload: bytes, seq: int) -> Rejected:
    # somebody else's message under our subject: shown, so that the list has no silent holes
    shown: dict[str, Any] = {"payload": payload.decode(errors="replace"), "payload_bytes": len(payload)}
    return Rejected(
        code="unreadable",
        message=f"message {seq} of the stream {REJECTED_STREAM} is not one of Tailrace's",
        source="unknown",
        inbox_seq=0,
        received_at=datetime.fromtimestamp(0, UTC),
        **shown,
    )

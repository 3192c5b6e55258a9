"""Messages of the inbox that validation refused, stored with the reason in a stream of their own."""

import base64
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from command.appender import Message
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import readable_id
from contracts.subjects import REJECTED_PREFIX, REJECTED_STREAM
from runtime.log.client import LogClient
from runtime.log.metadata import REMOVED_KEY, removed_from

_IDS = UUID("9d1b9a5e-6b1c-5b0e-9f57-0c7a1f0c2b11")  # random: the namespace of ids derived from inbox positions
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


class Stored(NamedTuple):
    """A refused message at ``seq`` of its stream; ``inbox_id`` is the id of an event that came without one."""

    seq: int
    rejected: Rejected
    inbox_id: UUID | None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Rejected)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def id_from_inbox(inbox_epoch: str, seq: int | str, time_ns: int | str) -> UUID:
    """Returns the id of an event that came without one: the same for every delivery of the message, and for a retry.

    It includes the time, so that a recreated stream, which counts from 1 again, yields other ids.
    """
    return uuid5(_IDS, f"{inbox_epoch}:{seq}:{time_ns}")


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


async def list_rejected(client: LogClient, limit: int) -> list[Stored]:
    """Returns the last ``limit`` refused messages, the latest first.

    Raises:
        StreamMissingError: the streams do not exist yet.
        LogUnavailableError: the log does not answer.
    """
    first, last = await _range(client)
    found: list[Stored] = []
    seq = last
    while seq >= first and len(found) < limit:
        if (stored := await _get(client, seq)) is not None:
            found.append(stored)
        seq -= 1
    return found


async def read_rejected(client: LogClient) -> AsyncIterator[Stored]:
    """Yields every refused message that is stored now, the oldest first; raises what ``list_rejected`` raises."""
    first, last = await _range(client)
    for seq in range(first, last + 1):
        if (stored := await _get(client, seq)) is not None:
            yield stored


def event_to_retry(stored: Stored, payload: str | None = None) -> bytes | None:
    """Returns the event of a refused message on one line, with ``payload`` in place of what was refused.

    An event without an id or a time gets those that the inbox gives it, so that a second retry stores it once.
    None: the message is not one of the inbox, or only a part of it is stored.
    """
    rejected = stored.rejected
    if stored.inbox_id is None or (payload is None and (rejected.truncated or rejected.payload_encoding != "utf-8")):
        return None
    text = (rejected.payload if payload is None else payload).encode()
    try:
        fields = _fields.decode(text)
        for name, value in (("event_id", stored.inbox_id), ("created_at", rejected.received_at)):
            fields.setdefault(name, msgspec.Raw(_encoder.encode(value)))
        return msgspec.json.format(_encoder.encode(fields), indent=-1)
    except msgspec.MsgspecError:
        return b" ".join(text.split())  # the service says what is wrong with it


async def remove_rejected(client: LogClient, seqs: Collection[int]) -> None:
    """Removes messages from the store, and counts them as removed rather than dropped.

    Raises:
        LogUnavailableError: the log does not answer, or the user may not remove messages.
    """
    for seq in seqs:
        await client.api(f"STREAM.MSG.DELETE.{REJECTED_STREAM}", {"seq": seq, "no_erase": True})
    if seqs:
        info = await client.stream_info(REJECTED_STREAM)
        await _set_removed(client, info, removed_from(info) + len(seqs))


async def purge_rejected(client: LogClient) -> int:
    """Removes all messages and returns their number. From then on none counts as dropped.

    Raises:
        LogUnavailableError: the log does not answer, or the user may not remove messages.
    """
    purged: int = (await client.api(f"STREAM.PURGE.{REJECTED_STREAM}", {}))["purged"]
    info = await client.stream_info(REJECTED_STREAM)
    await _set_removed(client, info, info["state"]["last_seq"] - info["state"]["messages"])
    return purged


async def _set_removed(client: LogClient, info: dict[str, Any], removed: int) -> None:
    metadata = {**(info["config"].get("metadata") or {}), REMOVED_KEY: str(removed)}
    await client.api(f"STREAM.UPDATE.{REJECTED_STREAM}", {**info["config"], "metadata": metadata})


async def _range(client: LogClient) -> tuple[int, int]:
    state = (await client.stream_info(REJECTED_STREAM))["state"]
    return max(int(state["first_seq"]), 1), int(state["last_seq"])


async def _get(client: LogClient, seq: int) -> Stored | None:
    entry = await client.get(seq, REJECTED_STREAM)
    if entry is None:
        return None  # removed
    kind, *position = entry.message_id.split(":")
    try:
        rejected = _decoder.decode(entry.payload)
    except msgspec.MsgspecError:
        return Stored(seq, _foreign(entry.payload, seq), None)
    known = kind == "rejected" and len(position) == 3
    return Stored(seq, rejected, id_from_inbox(*position) if known else None)


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

"""The event: its fields, its limits, and their validation.

``read_event`` reads what a sender wrote and fills in missing fields. ``read_entry`` reads a log entry, in which no
field may be missing, and converts it to the current version of its type. Both raise ``EventRejectedError`` with a
reason. A validated event fits a Postgres row.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct, field

from contracts.errors import EventRejectedError, UserKeyError
from contracts.upcasting import Upcasters, upcast_failure
from contracts.users import MAX_USER_TEXT, no_user_key

MAX_EVENT_TYPE = 128
"""Characters of an event type."""
MAX_EVENT_DATA = 32 * 1024
"""Bytes of ``event_data`` as JSON text."""
MAX_DEPTH = 64
"""Levels of nesting in ``event_data``."""
MAX_NUMBER = 300
"""Characters of one number in ``event_data``; no double needs more, and jsonb refuses far longer ones."""
MAX_EXPONENT = 308
"""Magnitude of a number's exponent: doubles, which most JSON parsers use, end there."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FUTURE_TOLERANCE = timedelta(days=1)
LOG_FUTURE_TOLERANCE = timedelta(days=2)
"""Wider than ``FUTURE_TOLERANCE``, so that a log server with another clock can't make an accepted event invalid."""

EventType = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_EVENT_TYPE, description="1 to 128 printable characters", examples=["page_view"]),
]
UserId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, description="a signed 64-bit integer")]
UserText = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_USER_TEXT, description="1 to 200 characters; only their keyed hash is stored"),
]
NO_DATA = Raw(b"{}")
"""The ``event_data`` of an event that has none."""
CreatedAt = Annotated[datetime, Meta(tz=True, description="when it happened: RFC 3339 with a zone")]
EventVersion = Annotated[int, Meta(ge=1, le=2**31 - 1, description="the version of event_data's shape")]


class Event(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False, kw_only=True):
    """A validated event. ``event_data`` is a JSON object, stored as the text its sender wrote."""

    event_id: UUID
    event_type: EventType
    user_id: UserId | None = None
    created_at: CreatedAt
    event_data: Raw = field(default_factory=lambda: NO_DATA)
    event_version: EventVersion = 1


class IncomingEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event as a sender writes it. The service fills in ``event_id``, ``created_at`` and ``event_data``."""

    event_type: EventType
    user_id: UserId | UserText | None = None
    event_data: Raw = field(default_factory=lambda: NO_DATA)
    created_at: CreatedAt | None = None
    event_id: UUID | None = None
    event_version: EventVersion = 1


_incoming = msgspec.json.Decoder(IncomingEvent)
_stored = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()
_any = msgspec.json.Decoder()


def encode_event(event: Event) -> bytes:
    """Returns the event as stored in the log: one compact JSON object that begins with the id; version 1 is omitted."""
    return _encoder.encode(event)


def read_event(
    raw: bytes,
    *,
    now: datetime,
    new_id: Callable[[], UUID],
    default_created_at: datetime | None = None,
    upcasters: Upcasters | None = None,
    identify: Callable[[str], int] = no_user_key,
) -> Event:
    """Parses and validates what a sender wrote.

    ``identify`` returns the id of a user that a string names, or raises UserKeyError.
    ``now`` bounds ``created_at``. A missing ``event_id`` comes from ``new_id``, a missing ``created_at`` is
    ``default_created_at`` or ``now``. With ``upcasters``, an older version must be convertible; the event itself keeps
    the version it was sent in.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    incoming, created_at = _read_incoming(raw)
    if created_at is None:
        created_at = default_created_at or now
    if incoming.event_id is not None and not incoming.event_id.int:
        raise EventRejectedError("invalid_event_id", "event_id: all zeros; leave it out for a new one")
    user_id = incoming.user_id
    if isinstance(user_id, str):
        try:
            user_id = identify(user_id)
        except UserKeyError as error:
            raise EventRejectedError("no_user_key", f"user_id: {error}") from None
    event = Event(
        event_id=incoming.event_id or new_id(),
        event_type=incoming.event_type,
        user_id=user_id,
        created_at=_utc(created_at),
        event_data=incoming.event_data,
        event_version=incoming.event_version,
    )
    _check(event, latest=now + FUTURE_TOLERANCE)
    if upcasters is not None:
        upcast(event, upcasters)
    return event


def complete_event(raw: bytes, *, now: datetime, new_id: Callable[[], UUID]) -> bytes:
    """Returns what a sender wrote, validated and with the missing fields; a user that is a string stays one.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    names: list[str] = []

    def keep(name: str) -> int:
        names.append(name)
        return 0

    event = read_event(raw, now=now, new_id=new_id, identify=keep)
    if not names:
        return encode_event(event)
    return _encoder.encode(msgspec.structs.asdict(event) | {"user_id": names[0]})


def _read_incoming(raw: bytes) -> tuple[IncomingEvent, datetime | None]:
    """Decodes an event, and its time to the microsecond: rounding may move it into the next year."""
    try:
        incoming = _decode(_incoming, raw)
        if incoming.created_at is not None and _has_nanoseconds(raw):
            return incoming, _exact_time(raw) or incoming.created_at
        return incoming, incoming.created_at
    except EventRejectedError as error:
        if error.code != "invalid_created_at" or (leap_second := _exact_time(raw)) is None:
            raise
        fields = _decode(_fields, raw) | {"created_at": Raw(b"null")}
        return _decode(_incoming, _encoder.encode(fields)), leap_second


def _has_nanoseconds(raw: bytes) -> bool:
    """Whether ``created_at`` may have more than six digits of a second."""
    key = raw.find(_CREATED_AT)
    if key < 0:
        return False
    seventh = raw.find(b'"', key + len(_CREATED_AT)) + len('"2026-12-31T23:59:59.123456')
    return raw[seventh : seventh + 1].isdigit() or raw.find(_CREATED_AT, seventh) >= 0


def _exact_time(raw: bytes) -> datetime | None:
    """Returns ``created_at`` cut to the microsecond, a leap second as the one before; None if it is invalid."""
    try:
        if (match := _TIME.fullmatch(_only_time.decode(raw).created_at)) is None:
            return None
        minute, second, fraction, zone = match.groups(default="")
        time = _decode_time(f'"{minute}{"59" if second == "60" else second}{fraction}{zone}"').astimezone(UTC)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return None
    return time if second != "60" or (time.hour, time.minute) == (23, 59) else None


def read_entry(payload: bytes, *, logged_at: datetime, upcasters: Upcasters) -> Event:
    """Parses and validates a log entry, and converts it to the current version of its type.

    The result depends only on the entry and the upcasters, so every replay gives the same.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    return upcast(read_stored(payload, logged_at=logged_at), upcasters)


def read_stored(payload: bytes, *, logged_at: datetime) -> Event:
    """Parses and validates a log entry, in the version it was sent in.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    event = _decode(_stored, payload)
    _check(event, latest=logged_at + LOG_FUTURE_TOLERANCE)
    return event


def upcast(event: Event, upcasters: Upcasters) -> Event:
    """Converts an event to the current version of its type; a current one is returned as it is.

    Raises:
        EventRejectedError: ``unknown_version``, or ``upcast_failed`` with the reason.
    """
    version, current = event.event_version, upcasters.current_version(event.event_type)
    if version == current:
        return event
    data = upcasters.upcast(event.event_type, version, bytes(event.event_data))
    try:
        _check_data(data)
    except EventRejectedError as error:
        reason = error.message.removeprefix("event_data: ")
        raise upcast_failure(event.event_type, version, current, reason) from None
    return msgspec.structs.replace(event, event_data=Raw(data), event_version=current)


class _OnlyId(Struct):
    event_id: UUID


class _OnlyTime(Struct):
    created_at: str


_only_id = msgspec.json.Decoder(_OnlyId)
_only_time = msgspec.json.Decoder(_OnlyTime)
_fields = msgspec.json.Decoder(dict[str, Raw])
_decode_time = msgspec.json.Decoder(datetime).decode
_CREATED_AT = b'"created_at"'
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)(\.\d{1,6})?\d*([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def readable_id(payload: bytes) -> UUID | None:
    """Returns the event id of a payload, even if the rest is invalid; None if there is none."""
    try:
        return _only_id.decode(payload).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_T = TypeVar("_T")


def _decode(decoder: "msgspec.json.Decoder[_T]", raw: bytes) -> _T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise EventRejectedError(_code(str(error)), _sentence(str(error))) from None
    except UnicodeDecodeError:
        raise EventRejectedError("invalid_json", "the text is not valid UTF-8") from None
    except RecursionError:
        raise EventRejectedError("invalid_event_data", f"event_data: {_TOO_DEEP}") from None
    except msgspec.DecodeError as error:
        lone_surrogate = _SURROGATE.search(_PAIR.sub(b"", raw))
        reason = "a lone surrogate (\\ud800 to \\udfff) is not a character" if lone_surrogate else _plain(str(error))
        raise EventRejectedError("invalid_json", f"the text is not valid JSON: {reason}") from None


_FIELD = re.compile(r"`\$\.(\w+)")
_NAMED = re.compile(r"(missing required|unknown) field `([^`]*)`")


def _code(message: str) -> str:
    if named := _NAMED.search(message):
        return "missing_field" if named[1].startswith("missing") else "unknown_field"
    field = _FIELD.search(message)
    return f"invalid_{field[1]}" if field else "invalid_event"


def _sentence(message: str) -> str:
    if named := _NAMED.search(message):
        return (
            f"{named[2]} is missing"
            if named[1].startswith("missing")
            else f"{named[2][:64]} is not a field of an event"
        )
    field = _FIELD.search(message)
    reason = _plain(message.split(" - at ")[0])
    return f"{field[1]}: {reason}" if field else f"the event: {reason}"


def _plain(message: str) -> str:
    message = message.replace("`", "").removeprefix("JSON is malformed: ")
    return message[:1].lower() + message[1:]


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise EventRejectedError("invalid_created_at", "created_at: out of range") from None


def _check(event: Event, *, latest: datetime) -> None:
    if not event.event_type.isprintable():
        raise EventRejectedError("invalid_event_type", "event_type: only printable characters are allowed")
    if not EARLIEST <= event.created_at <= latest:
        bound = "before 2000-01-01" if event.created_at < EARLIEST else "too far in the future"
        raise EventRejectedError("invalid_created_at", f"created_at: {event.created_at.isoformat()} is {bound}")
    _check_data(bytes(event.event_data))


def _check_data(raw: bytes) -> None:
    if not raw.startswith(b"{"):
        _refuse_data("expected an object")
    if len(raw) > MAX_EVENT_DATA:
        _refuse_data(f"{len(raw):,} bytes, at most {MAX_EVENT_DATA:,} are allowed", "event_data_too_large")
    try:
        _any.decode(raw)
    except UnicodeDecodeError:
        _refuse_data("not valid UTF-8")
    except RecursionError:
        _refuse_data(_TOO_DEEP)
    except msgspec.MsgspecError as error:
        _refuse_data(_plain(str(error).split(" - at ")[0]))
    # on the text: a decoder drops repeated keys, Postgres parses all of them
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_too_deep(raw):
        _refuse_data(_TOO_DEEP)
    if _is_suspicious(raw):
        if _NUL.search(raw):
            _refuse_data("the character \\u0000 can't be stored")
        json.loads(raw, parse_float=_check_number, parse_int=_check_number)


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_FOLDED = bytes.maketrans(b"123456789E-", b"000000000e+")
_LONG = b"0" * MAX_NUMBER


def _is_suspicious(raw: bytes) -> bool:
    """Whether there may be a ``\\u0000``, a number of ``MAX_NUMBER`` characters, or an exponent of three digits.

    Searching for fixed text stays linear where a pattern such as ``[0-9.]{300}`` takes a second for a few kilobytes.
    """
    folded = raw.translate(_FOLDED)
    # `in` tries bytes as a number first, which takes six times as long as `find`
    return (
        raw.find(b"\\u0000") >= 0
        or folded.find(b"e000") >= 0
        or folded.find(b"e+000") >= 0
        or (len(raw) >= MAX_NUMBER and folded.replace(b".", b"0").find(_LONG) >= 0)
    )


def _check_number(literal: str) -> None:
    if len(literal) > MAX_NUMBER:
        _refuse_data(f"a number of {len(literal):,} characters, at most {MAX_NUMBER} are allowed")
    exponent = re.split("[eE]", literal)[1:]
    if exponent and abs(int(exponent[0])) > MAX_EXPONENT:
        _refuse_data(f"the number {literal[:32]} is out of range")


def _refuse_data(reason: str, code: str = "invalid_event_data") -> NoReturn:
    raise EventRejectedError(code, f"event_data: {reason}")


def _is_too_deep(raw: bytes) -> bool:
    """Whether valid JSON is nested deeper than ``MAX_DEPTH`` levels; each pass removes the innermost one."""
    brackets = _STRING.sub(b"", raw).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)

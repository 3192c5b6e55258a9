"""Parameters that several endpoints share: timestamps and ranges of them, event types, users, cursors."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from contracts.cursors import Cursor
from contracts.errors import BadCursorError, UserKeyError
from contracts.events import EARLIEST, MAX_EVENT_TYPE
from contracts.patterns import BadPatternError, TypePattern
from contracts.users import MAX_USER_TEXT, integer_id
from query.errors import BadParameterError

Bucket = Literal["minute", "hour", "day", "week", "month"]
MAX_TYPES = 100
Identify = Callable[[str], int]
"""Returns the id of the user that a string names; raises UserKeyError."""
INT64 = 2**63
EXACT = 2**53 - 1
"""Integers up to here are exact in JavaScript."""
USER = (
    "A signed 64-bit integer; beyond 2^53 a string with its digits, since JavaScript would round a number. Negative "
    "for a user whose id is a string. Null: an event without a user."
)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The end of an open range; the log rejects events that are more than two days ahead."""
UNKNOWN_FINGERPRINT = "00000000"
"""Stands for the fingerprint of a position whose entry is gone from the log: it is never compared."""

_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:([Zz])|([ +-])(\d\d:\d\d))")
_AGO = re.compile(r"-(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_timestamp(text: object, now: datetime | None = None) -> datetime:
    """Returns a timestamp in UTC; a relative one such as ``-5m`` counts back from ``now``.

    Raises:
        ValueError: the text is not a timestamp.
    """
    ago = _AGO.fullmatch(text) if isinstance(text, str) else None
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    try:
        if ago is not None:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if match is not None:
            local, utc, sign, offset = match.groups()
            # in a URL, a + that is not escaped as %2B arrives as a space
            zone = "+00:00" if utc else f"{'-' if sign == '-' else '+'}{offset}"
            # a leap second counts as the one before
            return datetime.fromisoformat(local.upper().replace(":60", ":59") + zone).astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None
    raise ValueError("expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z, or a relative time such as -5m")


class Range(NamedTuple):
    """From ``start`` (inclusive) to ``end`` (exclusive), UTC."""

    start: datetime
    end: datetime


def closed_range(start: datetime | None, end: datetime | None) -> Range:
    """Returns a range in UTC; an open end becomes a bound that no event lies beyond."""
    low = max(start, EARLIEST) if start else EARLIEST
    high = min(end, LATEST) if end else LATEST
    return Range(min(low, LATEST), max(high, EARLIEST))


def bucket_start(time: datetime, bucket: Bucket) -> datetime:
    """Returns the start of the bucket that contains ``time``, in the zone that ``time`` is written in."""
    if bucket == "minute":
        return time.replace(second=0, microsecond=0)
    if bucket == "hour":
        return time.replace(minute=0, second=0, microsecond=0)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if bucket == "month" else midnight


def cursor_text(cursor: Cursor) -> str:
    """Returns a cursor as clients receive it; ``parse_cursor`` reads it back."""
    return str(cursor._replace(fingerprint=UNKNOWN_FINGERPRINT) if cursor.seq and not cursor.fingerprint else cursor)


def parse_cursor(text: str) -> Cursor:
    """Returns the cursor that a client sent.

    Raises:
        BadCursorError: the text is not a cursor.
    """
    cursor = Cursor.parse(text)
    return cursor._replace(fingerprint="") if cursor.fingerprint == UNKNOWN_FINGERPRINT else cursor


def _check_cursor(text: str) -> str:
    try:
        return str(Cursor.parse(text))
    except BadCursorError as error:
        raise ValueError(str(error)) from None


def _check_pattern(text: str) -> str:
    try:
        return TypePattern.parse(text).text
    except BadPatternError as error:
        raise ValueError(str(error)) from None


def _check_user(user: object) -> object:
    if isinstance(user, str):
        number = integer_id(user)
        if number is not None:
            return number
        if 1 <= len(user) <= MAX_USER_TEXT:
            return user
    elif user is None or (type(user) is int and -INT64 <= user < INT64):
        return user
    raise ValueError(f"expected a 64-bit integer, or a string of 1 to {MAX_USER_TEXT} characters")


def user_id_of(user: int | str | None, identify: Identify) -> int | None:
    """Returns the id of the user that a client named.

    Raises:
        BadParameterError: it is a string, and the key of user ids is not known.
    """
    try:
        return identify(user) if isinstance(user, str) else user
    except UserKeyError as error:
        raise BadParameterError(f"user_id: {error}") from None


def shown_user(user: int | str | None) -> int | str | None:
    """Returns a user id as clients get it: beyond 2^53 a string, since JavaScript would round the number."""
    return str(user) if isinstance(user, int) and not -EXACT <= user <= EXACT else user


Timestamp = Annotated[AwareDatetime, BeforeValidator(parse_timestamp)]
CursorText = Annotated[str, AfterValidator(_check_cursor)]
EventTypeFilter = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(_check_pattern),
            Field(json_schema_extra={"minLength": 1, "maxLength": MAX_EVENT_TYPE}),
        ]
    ],
    Field(
        max_length=MAX_TYPES,
        description="Only events of these types; may be given several times. Dots separate tokens: `checkout.*` "
        "matches one token after the dot, `checkout.>` one or more.",
    ),
]
UserFilter = Annotated[
    Annotated[int, Field(ge=-INT64, lt=INT64)] | Annotated[str, Field(min_length=1, max_length=MAX_USER_TEXT)] | None,
    BeforeValidator(_check_user),
    Field(description="Only events of this user: an integer, or the string that its sender used."),
]

"""Moments as parameters give them: RFC 3339 with a zone, or so long ago."""

import re
from datetime import UTC, datetime, timedelta

_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:([Zz])|([ +-])(\d\d:\d\d))")
_AGO = re.compile(r"-(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_moment(text: object, now: datetime | None = None) -> datetime:
    """A moment in UTC; what is relative is so to ``now``.

    Raises:
        ValueError: it is none, with a sentence that says what is expected.
    """
    ago = _AGO.fullmatch(text) if isinstance(text, str) else None
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    try:
        if ago is not None:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if match is not None:
            local, utc, sign, offset = match.groups()
            # a + that isn't written %2B in a URL arrives as a space
            zone = "+00:00" if utc else f"{'-' if sign == '-' else '+'}{offset}"
            return datetime.fromisoformat(local.upper() + zone).astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None
    raise ValueError("expected RFC 3339 with a zone, such as 2026-03-01T12:00:00Z, or so long ago, such as -5m or -24h")

"""Time zones: their names, and their offsets from UTC over time."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NOT_ZONES = ("right/", "posix", "localtime", "Factory")
"""Other files in the zones' folder: clocks with leap seconds, and names that differ between machines."""
_STEP = timedelta(days=3)
"""Since 2000 no zone has changed its offset and changed it back within this time; one did after a week."""


class Offset(NamedTuple):
    """From ``since`` (UTC) until the next one, local time is UTC plus ``offset``."""

    since: datetime
    offset: timedelta


def read_zone(name: str) -> tzinfo:
    """Returns the zone with an IANA name.

    Raises:
        ValueError: there is no such zone.
    """
    if name == "UTC":
        return UTC
    if name and not name.startswith(_NOT_ZONES):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    raise ValueError(f"{name[:64]!r} is not a time zone: use an IANA name, such as Europe/Berlin")


def check_zone(name: str) -> str:
    """Returns ``name``.

    Raises:
        ValueError: there is no such zone.
    """
    read_zone(name)
    return name


def offsets(zone: tzinfo, start: datetime, end: datetime) -> list[Offset]:
    """Returns the offset at ``start`` (UTC) and every later one before ``end``."""
    found = [Offset(start, _offset(zone, start))]
    if zone is UTC:
        return found
    at = start
    while at < end:
        ahead = min(at + _STEP, end)
        if _offset(zone, ahead) == found[-1].offset:
            at = ahead
            continue
        at = _change(zone, at, ahead)
        if at < end:
            found.append(Offset(at, _offset(zone, at)))
    return found


def _offset(zone: tzinfo, time: datetime) -> timedelta:
    offset = time.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Returns when the offset changes between two times with different offsets: a whole second."""
    offset = _offset(zone, before)
    low, high = before.replace(microsecond=0), after.replace(microsecond=0) + timedelta(seconds=1)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high

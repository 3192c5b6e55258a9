"""Time zones: which there are, and how far ahead of UTC their clocks are when."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NO_ZONES = ("right/", "posix", "localtime", "Factory")
"""What lies beside the zones in their folder: clocks with leap seconds, and what is different on each machine."""
_STEP = timedelta(days=3)
"""No zone has changed its clocks and changed them back so soon since 2000; one did after a week."""


class Clock(NamedTuple):
    """From ``since`` on local time is UTC plus ``offset``, up to the next one."""

    since: datetime
    offset: timedelta


def read_zone(name: str) -> tzinfo:
    """The zone with an IANA name.

    Raises:
        ValueError: there is none, with a sentence.
    """
    if name == "UTC":
        return UTC
    if name and not name.startswith(_NO_ZONES):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    raise ValueError(f"there is no time zone {name[:64]!r}: take an IANA name, such as Europe/Berlin")


def clocks(zone: tzinfo, start: datetime, end: datetime) -> list[Clock]:
    """The clock at ``start`` (UTC) and each one that follows before ``end``."""
    found = [Clock(start, _offset(zone, start))]
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
            found.append(Clock(at, _offset(zone, at)))
    return found


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """When the clocks are changed between two moments with different offsets: a whole second."""
    offset = _offset(zone, before)
    low, high = before.replace(microsecond=0), after.replace(microsecond=0) + timedelta(seconds=1)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high

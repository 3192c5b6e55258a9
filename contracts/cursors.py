"""Positions in the log and how they look on the wire.

A cursor is ``<epoch>:<seq>:<mark>`` and means "what I have seen": it is exclusive. The epoch names the log, the
sequence counts its messages from 1, and the mark is a fingerprint of the message there, so that a log put back from an
older copy and grown again is noticed.
"""

import re
from typing import NamedTuple, Self
from zlib import crc32

from contracts.errors import BadCursorError

_WIRE = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9]{1,19}):([0-9a-f]{8}|[0-9a-f]{16}|)")


class Cursor(NamedTuple):
    """A place in a log. ``seq`` 0 with an empty mark is the place before the first message."""

    epoch: str
    seq: int
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}:{self.mark}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a cursor.

        Raises:
            BadCursorError: the text is not one.
        """
        match = _WIRE.fullmatch(text)
        if match is None or int(match[2]) >= 2**63 or (int(match[2]) > 0) != bool(match[3]):
            raise BadCursorError(f"{text[:100]!r} is not a cursor: expected <epoch>:<sequence>:<mark>")
        return cls(match[1], int(match[2]), match[3])


def id_mark(message_id: str) -> str:
    """The first half of a mark, 8 hex digits: known to whoever published the message."""
    return f"{crc32(message_id.encode()):08x}"


def full_mark(message_id: str, time_ns: int) -> str:
    """A whole mark, 16 hex digits: the message's id and when the log took it (ns since 1970)."""
    return f"{crc32(message_id.encode()):08x}{crc32(time_ns.to_bytes(8, 'big')):08x}"


def marks_agree(one: str, other: str) -> bool:
    """Whether two marks can be of the same message: halves that only one side knows don't count."""
    known = min(len(one), len(other))
    return one[:known] == other[:known]

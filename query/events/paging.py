"""Where a page begins: places in the order of ``created_at`` and sequence, and how they look on the wire."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from contracts.errors import TailraceError
from query.stats.ranges import LATEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PACKED = struct.Struct(">qq")
_LENGTH = 22
"""Characters of a token: 16 bytes as base64 without padding."""


class BadTokenError(TailraceError):
    """The text is no token of a page: take `next` as it was answered."""


class Place(NamedTuple):
    """Behind it, in the order newest first, is every event that is older, or as old with a smaller ``seq``."""

    created_at: datetime
    seq: int

    @property
    def end(self) -> datetime:
        """Where a range ends (exclusive) that holds everything behind the place."""
        return self.created_at + _MICROSECOND

    @property
    def token(self) -> str:
        """The place as clients get it."""
        packed = _PACKED.pack((self.created_at - _EPOCH) // _MICROSECOND, self.seq)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def parse(cls, token: str) -> Self:
        """Reads a token.

        Raises:
            BadTokenError: it was never given out.
        """
        try:
            microseconds, seq = _PACKED.unpack(base64.b64decode(token.encode() + b"==", altchars=b"-_", validate=True))
            place = cls(_EPOCH + microseconds * _MICROSECOND, seq)
        except (binascii.Error, struct.error, OverflowError, UnicodeEncodeError):
            raise _bad(token) from None
        if seq < 1 or place.created_at >= LATEST or place.token != token:
            raise _bad(token)
        return place


def _bad(token: str) -> BadTokenError:
    return BadTokenError(f"{token[:_LENGTH]!r} is not what an earlier page gave as `next`")

"""Where a page of events starts: a position in the order of ``created_at`` and sequence, and its token."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from contracts.errors import TailraceError
from query.parameters import LATEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PACKED = struct.Struct(">qq")
_LENGTH = 22
"""Characters of a token: 16 bytes as base64 without padding."""


class BadTokenError(TailraceError):
    """The text is not a page token: use the ``next`` of an earlier page."""


class PageStart(NamedTuple):
    """Precedes, newest first, every event that is older, or as old with a smaller ``seq``."""

    created_at: datetime
    seq: int

    @property
    def end(self) -> datetime:
        """The exclusive end of a range that contains every event after this position."""
        return self.created_at + _MICROSECOND

    @property
    def token(self) -> str:
        """The position as clients receive it."""
        packed = _PACKED.pack((self.created_at - _EPOCH) // _MICROSECOND, self.seq)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def parse(cls, token: str) -> Self:
        """Reads a token.

        Raises:
            BadTokenError: no page returned it.
        """
        try:
            microseconds, seq = _PACKED.unpack(base64.b64decode(token.encode() + b"==", altchars=b"-_", validate=True))
            start = cls(_EPOCH + microseconds * _MICROSECOND, seq)
        except (binascii.Error, struct.error, OverflowError, UnicodeEncodeError):
            raise _bad(token) from None
        if seq < 1 or start.created_at >= LATEST or start.token != token:
            raise _bad(token)
        return start


def _bad(token: str) -> BadTokenError:
    return BadTokenError(f"{token[:_LENGTH]!r} is not the `next` of an earlier page")

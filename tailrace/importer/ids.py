"""Derives event ids from lines, so that importing a file again adds nothing."""

from hashlib import blake2b
from uuid import UUID


class LineIds:
    """Derives the id of each line of one file: a UUID of version 8 from the line's bytes and its number of occurrences.

    Two identical lines are two events; the next import gives both the same ids. Counting needs 90 bytes of memory per
    distinct line. Lines whose 64-bit digests collide share a count; their ids are still distinct and reproducible.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def next_id(self, line: bytes) -> UUID:
        """Returns the id of the next occurrence of ``line`` (without its line ending)."""
        digest = blake2b(line, digest_size=16, person=b"tailrace-import")
        key = int.from_bytes(digest.digest()[:8], "big")
        occurrence = self._seen.get(key, 0) + 1
        self._seen[key] = occurrence
        digest.update(b"\n%d" % occurrence)  # unambiguous: no line contains a line feed
        return _uuid8(digest.digest())


def _uuid8(digest: bytes) -> UUID:
    number = int.from_bytes(digest, "big")
    number = number & ~(0xF << 76) | (8 << 76)  # version
    number = number & ~(0x3 << 62) | (0x2 << 62)  # variant
    return UUID(int=number)

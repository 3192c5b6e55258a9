"""The tables of a ``Rollup``, and the users of its recent batches: packed, they wait in ``set_log`` until a merge."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from pyroaring import BitMap

Dims = tuple[str | None, ...]


class RollupTables(NamedTuple):
    """Where the tables of a rollup are: its schema, which has the position too, and a prefix of their names."""

    schema: str
    prefix: str = ""

    @property
    def position(self) -> str:
        """The table of the position."""
        return f"{self.schema}.projection_position"

    @property
    def members(self) -> str:
        """The sets of users, with the number of their users."""
        return f"{self.schema}.{self.prefix}members"

    @property
    def set_log(self) -> str:
        """The users of recent batches, which ``members`` does not have yet."""
        return f"{self.schema}.{self.prefix}set_log"

    def cells(self, level: str) -> str:
        """The counts of a level."""
        return f"{self.schema}.{self.prefix}cells_{level}"


def set_key(other: bool, dims: Dims) -> bytes:
    """Names what a set of users is of: unique indexes over nulls can't be joined with."""
    return blake2b(msgspec.msgpack.encode([other, dims]), digest_size=16).digest()


class SetCell(NamedTuple):
    """Users (ordinals of the ledger) of one cell; ``bucket`` is its start in seconds since 1970.

    The cell is of the finest level that keeps users; with ``other`` it is what is beyond the limit.
    """

    bucket: int
    other: bool
    dims: Dims
    users: BitMap


PackedCell = tuple[int, bool, Dims, Sequence[int]]
"""The bucket, other, the dimensions and the ordinals of a cell: see ``SetCell``."""
_decoder = msgspec.msgpack.Decoder(list[tuple[int, bool, tuple[str | None, ...], list[int] | bytes]])


def pack(cells: Sequence[PackedCell]) -> bytes:
    """Packs the cells of a batch."""
    return msgspec.msgpack.encode(cells)


def unpack(cells: bytes) -> Iterator[SetCell]:
    """Yields the cells of a batch."""
    for bucket, other, dims, users in _decoder.decode(cells):
        # earlier versions packed bitmaps
        yield SetCell(bucket, other, dims, BitMap.deserialize(users) if isinstance(users, bytes) else BitMap(users))


def unite(batches: Iterable[bytes]) -> Iterator[SetCell]:
    """Yields each cell of several batches once."""
    found: dict[tuple[int, bool, Dims], list[int]] = {}
    for cells in batches:
        for bucket, other, dims, users in _decoder.decode(cells):
            ordinals = BitMap.deserialize(users) if isinstance(users, bytes) else users
            found.setdefault((bucket, other, dims), []).extend(ordinals)
    for (bucket, other, dims), members in found.items():
        yield SetCell(bucket, other, dims, BitMap(members))

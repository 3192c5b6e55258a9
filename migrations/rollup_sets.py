"""Users of a ``Rollup``'s recent batches, packed: they wait in ``set_log`` until they are merged into ``members``."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from pyroaring import BitMap

Dims = tuple[str | None, ...]


class SetCell(NamedTuple):
    """Users (ordinals of the ledger) of one cell; ``bucket`` is its start in seconds since 1970.

    The cell is of the finest level that keeps users; with ``other`` it is what is beyond the limit.
    """

    bucket: int
    other: bool
    dims: Dims
    users: BitMap


_decoder = msgspec.msgpack.Decoder(list[tuple[int, bool, tuple[str | None, ...], bytes]])


def pack(cells: Iterable[SetCell]) -> bytes:
    """Packs the cells of a batch."""
    return msgspec.msgpack.encode([(bucket, other, dims, users.serialize()) for bucket, other, dims, users in cells])


def unpack(cells: bytes) -> Iterator[SetCell]:
    """Yields the cells of a batch."""
    for bucket, other, dims, users in _decoder.decode(cells):
        yield SetCell(bucket, other, dims, BitMap.deserialize(users))

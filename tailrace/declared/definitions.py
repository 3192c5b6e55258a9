"""Definitions as plain data, which the catalogue of projections stores as JSON."""

from typing import Literal

import msgspec
from msgspec import Struct

Level = Literal["minute", "hour", "day"]
"""The length of a rollup's buckets, in UTC."""
SECONDS: dict[Level, int] = {"minute": 60, "hour": 3600, "day": 86_400}
"""Seconds per bucket, from the shortest to the longest."""
MeasureKind = Literal["count", "sum", "min", "max", "users"]
KeyType = Literal["int", "str"]
ColumnType = Literal["int", "float", "decimal", "str", "bool", "datetime"]


class Measure(Struct, frozen=True, omit_defaults=True):
    """What a rollup counts: ``path`` for sum, min and max; ``every`` for users, the shortest level that keeps them."""

    kind: MeasureKind
    path: str = ""
    every: Level | None = None


class RollupDefinition(Struct, frozen=True, tag_field="kind", tag="rollup"):
    """A ``Rollup``: its dimensions with their paths, its levels from short to long, its measures in their order."""

    name: str
    version: int
    events: tuple[str, ...]
    by: dict[str, str]
    every: tuple[Level, ...]
    measures: dict[str, Measure]
    limit: int

    def keeps(self, measure: str, level: Level) -> bool:
        """Whether the buckets of a level have a value of the measure; all but users are in every level."""
        shortest = self.measures[measure].every
        return shortest is None or SECONDS[level] >= SECONDS[shortest]


class KeyField(Struct, frozen=True):
    """A part of a fold's key: where it is in the event, and its type."""

    path: str
    type: KeyType


class Column(Struct, frozen=True):
    """A column of a fold."""

    type: ColumnType
    nullable: bool


class FoldDefinition(Struct, frozen=True, tag_field="kind", tag="fold"):
    """A ``Fold``: its key and its columns. The code of ``evolve`` is not part of it."""

    name: str
    version: int
    events: tuple[str, ...]
    class_name: str
    key: dict[str, KeyField]
    columns: dict[str, Column]


class SqlDefinition(Struct, frozen=True, tag_field="kind", tag="sql"):
    """A ``Sql``: the statements that create its tables, and those that apply a batch."""

    name: str
    version: int
    events: tuple[str, ...]
    tables: str
    apply: tuple[str, ...]


Definition = RollupDefinition | FoldDefinition | SqlDefinition

_encoder = msgspec.json.Encoder()
_decoder: "msgspec.json.Decoder[Definition]" = msgspec.json.Decoder(Definition)


def encode_definition(definition: Definition) -> bytes:
    """Returns a definition as JSON. Equal definitions have equal bytes."""
    return _encoder.encode(definition)


def decode_definition(data: bytes | str) -> Definition:
    """Returns the definition that ``encode_definition`` wrote.

    Raises:
        msgspec.ValidationError: the JSON is not a definition.
    """
    return _decoder.decode(data)

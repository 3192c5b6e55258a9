"""Projections that users declare in a file of their own: ``Rollup``, ``Fold`` and ``Sql``.

Imports the standard library and msgspec only, so that ``import tailrace`` stays light in a user's test suite.
"""

from tailrace.declared.definitions import (
    SECONDS,
    Column,
    Definition,
    FoldDefinition,
    KeyField,
    Level,
    Measure,
    RollupDefinition,
    SqlDefinition,
    decode_definition,
    encode_definition,
)
from tailrace.declared.errors import DefinitionError, EvolveError
from tailrace.declared.events import Event, decode_event_data
from tailrace.declared.evolver import Evolver
from tailrace.declared.fold import Fold, Key
from tailrace.declared.measures import Count, Max, Min, Sum, Users
from tailrace.declared.pages import PAGES
from tailrace.declared.patterns import matcher
from tailrace.declared.projection import Projection
from tailrace.declared.rollup import Rollup
from tailrace.declared.sql import Sql
from tailrace.declared.tally import CellKey, Reading, Tally, merge, reader
from tailrace.declared.values import plain

__all__ = [
    "PAGES",
    "SECONDS",
    "CellKey",
    "Column",
    "Count",
    "Definition",
    "DefinitionError",
    "Event",
    "EvolveError",
    "Evolver",
    "Fold",
    "FoldDefinition",
    "Key",
    "KeyField",
    "Level",
    "Max",
    "Measure",
    "Min",
    "Projection",
    "Reading",
    "Rollup",
    "RollupDefinition",
    "Sql",
    "SqlDefinition",
    "Sum",
    "Tally",
    "Users",
    "decode_definition",
    "decode_event_data",
    "encode_definition",
    "matcher",
    "merge",
    "plain",
    "reader",
]

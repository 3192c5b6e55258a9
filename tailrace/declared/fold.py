"""``Fold``: one row per key, computed by Python code event by event."""

import inspect
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

from tailrace.declared.definitions import Column, ColumnType, FoldDefinition, KeyField, KeyType
from tailrace.declared.errors import refuse
from tailrace.declared.events import Event
from tailrace.declared.names import check_column, projection_name
from tailrace.declared.patterns import check_events
from tailrace.declared.projection import Projection, check_version
from tailrace.declared.values import check_path

MAX_KEYS = 4
MAX_COLUMNS = 64
COLUMN_TYPES: dict[type, ColumnType] = {
    int: "int",
    float: "float",
    Decimal: "decimal",
    str: "str",
    bool: "bool",
    datetime: "datetime",
}
KEY_TYPES: dict[type, KeyType] = {int: "int", str: "str"}
FIELD_TYPES: dict[str, type] = {"user_id": int, "event_type": str}
"""The fields of an event that can be a key by their name."""


class Key:
    """Where a part of a fold's key is in the event: ``key = {"cart": Key("event_data.cart.id", str)}``."""

    def __init__(self, path: str, type: type[int] | type[str]) -> None:
        self.path = path
        self.type = type


class Fold(Projection):
    """Keeps one row per key, which ``evolve`` computes from the row before and the next event.

    ```python
    from datetime import datetime
    from tailrace import Fold

    class Cart(Fold):
        version = 1
        events = ["cart.*", "checkout.completed"]
        key = {"user_id": int}
        columns = {"items": int, "since": datetime}

        def evolve(self, row, event):
            if event.event_type == "checkout.completed":
                return None
            return {"items": (row["items"] if row else 0) + 1, "since": row["since"] if row else event.created_at}
    ```

    The view ``cart`` and ``GET /projections/cart`` show the rows:

    ```python
    from tailrace.testing import event, given

    rows = given(event("cart.added", user_id=7), event("cart.added", user_id=7)).project(Cart).rows()
    assert [(row["user_id"], row["items"]) for row in rows] == [(7, 2)]
    ```

    A replay must give the same rows: ``evolve`` uses the row and the event only, no clock, no random numbers, no
    network, no state of its own. Events arrive in the order of the log, which is not that of ``created_at``.
    """

    key: ClassVar[Mapping[str, Any]]
    """Up to 4 parts: ``user_id: int``, ``event_type: str``, or a name and ``Key(path, int | str)``. An event whose key
    is missing or of another type is skipped."""
    columns: ClassVar[Mapping[str, Any]]
    """The columns besides the key: int (64 bits), float, Decimal, str, bool or datetime (aware), also ``| None``."""

    _definition: ClassVar[FoldDefinition]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        name = cls.__name__
        _check_stateless(cls)
        key = _key(name, vars(cls).get("key"))
        cls._definition = FoldDefinition(
            projection_name(name),
            check_version(cls),
            check_events(name, vars(cls).get("events")),
            name,
            key,
            _columns(name, vars(cls).get("columns"), key),
        )
        _check_evolve(name, vars(cls).get("evolve"))

    @classmethod
    def definition(cls) -> FoldDefinition:
        """Returns the definition as plain data."""
        return cls._definition

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name}: a fold keeps no state: return it in the row instead")

    def evolve(self, row: Mapping[str, Any] | None, event: Event) -> Mapping[str, Any] | None:
        """Returns the row after an event, with exactly the declared columns; None removes it.

        ``row`` is read-only, without the key; None: there is none yet.
        """
        raise NotImplementedError


def _key(owner: str, key: object) -> dict[str, KeyField]:
    if not isinstance(key, Mapping) or not 1 <= len(key) <= MAX_KEYS:
        refuse(owner, "key", f'{key!r} must be a dict of 1 to {MAX_KEYS} parts, such as {{"user_id": int}}')
    return {check_column(owner, "key", name): _key_field(owner, name, part) for name, part in key.items()}


def _key_field(owner: str, name: str, part: object) -> KeyField:
    if isinstance(part, Key):
        path, kind = check_path(owner, "key", part.path, fields=True), part.type
    elif name in FIELD_TYPES:
        path, kind = name, part  # type: ignore[assignment]
    else:
        refuse(owner, "key", f'{name!r} is not a field of the event: use Key("event_data.{name}", str)')
    if kind not in KEY_TYPES or kind is not FIELD_TYPES.get(path, kind):
        allowed = FIELD_TYPES[path].__name__ if path in FIELD_TYPES else "int or str"
        refuse(owner, "key", f"the type of {name!r} must be {allowed}, not {_shown(kind)}")
    return KeyField(path, KEY_TYPES[kind])


def _columns(owner: str, columns: object, key: Mapping[str, KeyField]) -> dict[str, Column]:
    if not isinstance(columns, Mapping) or not 1 <= len(columns) <= MAX_COLUMNS:
        refuse(owner, "columns", f'{columns!r} must be a dict of 1 to {MAX_COLUMNS} columns, such as {{"items": int}}')
    for name in columns:
        if name in key:
            refuse(owner, "columns", f"{name!r} is part of the key, which needs no column")
    return {check_column(owner, "columns", name): _column(owner, name, kind) for name, kind in columns.items()}


def _column(owner: str, name: str, kind: Any) -> Column:
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    types = [one for one in kinds if one is not NoneType]
    if len(types) != 1 or types[0] not in COLUMN_TYPES:
        allowed = ", ".join(one.__name__ for one in COLUMN_TYPES)
        refuse(owner, "columns", f"the type of {name!r} must be one of {allowed}, or one `| None`; not {_shown(kind)}")
    return Column(COLUMN_TYPES[types[0]], NoneType in kinds)


def _shown(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else repr(kind)


def _check_stateless(cls: type[Fold]) -> None:
    for name, value in vars(cls).items():
        if name == "__init__":
            refuse(cls.__name__, name, "a fold keeps no state, so it has no constructor")
        if name.startswith("__") or name in ("events", "key", "columns"):
            continue
        if hasattr(value, "__next__") or not _is_hashable(value):
            refuse(cls.__name__, name, f"{value!r} can change: a fold keeps no state; use a tuple or a frozenset")


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _check_evolve(owner: str, evolve: object) -> None:
    if not inspect.isfunction(evolve):
        refuse(owner, "evolve", "it must be defined: def evolve(self, row, event)")
    if inspect.iscoroutinefunction(evolve) or inspect.isgeneratorfunction(evolve) or inspect.isasyncgenfunction(evolve):
        refuse(owner, "evolve", "it must be a plain function that returns the row: no async, no yield")
    parameters = inspect.signature(evolve).parameters.values()
    plain = all(one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty for one in parameters)
    if len(parameters) != 3 or not plain:
        refuse(owner, "evolve", f"its parameters must be (self, row, event), not {inspect.signature(evolve)}")

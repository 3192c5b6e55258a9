"""Statements whose columns a definition names."""

from collections.abc import Iterable, Mapping, Sequence

from query.errors import BadParameterError

USER_ID = "user_id"
"""The column, and the path of a dimension, whose values are user ids."""


class UnknownColumnError(BadParameterError):
    """A parameter names a column that the projection does not have; the message names those that it has."""


class Statement:
    """The values of a statement's parameters."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def value(self, value: object) -> str:
        """Adds a value and returns its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"


def quoted(names: Iterable[str]) -> list[str]:
    """Returns names as SQL identifiers."""
    return ['"{}"'.format(name.replace('"', '""')) for name in names]


def check_column(parameter: str, name: str, columns: Sequence[str]) -> str:
    """Returns the name of a column.

    Raises:
        UnknownColumnError: there is no such column.
    """
    if name not in columns:
        raise UnknownColumnError(f"{parameter}: {name[:64]!r} is not one of {', '.join(columns) or 'none'}")
    return name


def order_by(order: Sequence[str], columns: Sequence[str]) -> list[tuple[str, bool]]:
    """Returns the columns of ``order`` and whether the largest comes first.

    Raises:
        UnknownColumnError: there is no such column.
    """
    return [(check_column("order", one.removeprefix("-"), columns), one.startswith("-")) for one in order]


def one_of(statement: Statement, wanted: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Returns the conditions that columns have one of some values; None is null."""
    conditions = []
    for name, values in wanted.items():
        texts = [value for value in values if value is not None]
        condition = f"{quoted([name])[0]} = any ({statement.value(texts)}::text[])"
        conditions.append(f"({condition} or {quoted([name])[0]} is null)" if None in values else condition)
    return conditions

"""Errors of declared projections."""

from typing import NoReturn


class DefinitionError(Exception):
    """A class declares a projection wrongly. The message names class, attribute and what is allowed."""


class EvolveError(Exception):
    """An event cannot be applied to a ``Fold``: the projector parks it with this message."""


def refuse(owner: str, attribute: str, problem: str) -> NoReturn:
    """Raises ``DefinitionError`` about an attribute of a class."""
    raise DefinitionError(f"{owner}.{attribute}: {problem}")

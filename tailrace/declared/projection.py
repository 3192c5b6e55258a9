"""What all kinds of projections have in common."""

from collections.abc import Sequence
from typing import ClassVar

from tailrace.declared.definitions import Definition
from tailrace.declared.errors import refuse


class Declared(type):
    """The type of projections: their classes do not change after their definition."""

    def __setattr__(cls, name: str, value: object) -> None:
        if "_definition" in vars(cls) and not name.startswith("__"):
            raise AttributeError(f"{cls.__name__}.{name}: a projection keeps no state: return it in the row instead")
        super().__setattr__(name, value)


class Projection(metaclass=Declared):
    """The base of ``Rollup``, ``Fold`` and ``Sql``. Declare one of those."""

    version: ClassVar[int]
    """Raise it with every change: the new version is a candidate until its cutover."""
    events: ClassVar[Sequence[str]]
    """Event types, with the wildcards ``*`` (one token) and ``>`` (the rest); a single ``*`` is every type."""

    @classmethod
    def definition(cls) -> Definition:
        """Returns the definition as plain data."""
        raise NotImplementedError


def check_version(cls: type[Projection]) -> int:
    """Returns the version of a class.

    Raises:
        DefinitionError: it has none, or not an integer from 1 to 1,000,000.
    """
    version = vars(cls).get("version")
    if type(version) is not int or not 1 <= version <= 1_000_000:
        refuse(cls.__name__, "version", f"{version!r} must be an integer from 1 on; raise it with every change")
    return version


def check_attributes(cls: type[Projection], allowed: Sequence[str]) -> None:
    """Refuses public attributes that this kind of projection does not have, such as ``evrey``.

    Raises:
        DefinitionError: there is one.
    """
    for name in vars(cls):
        if not name.startswith("_") and name not in ("version", "events", *allowed):
            known = ", ".join(("version", "events", *allowed))
            refuse(cls.__name__, name, f"a {cls.__mro__[1].__name__} has no such attribute: allowed are {known}")

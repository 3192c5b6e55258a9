"""The numbered SQL files. A file that differs between the flavours exists twice: ``0003_name.<flavour>.sql``.

A file runs in a transaction of its own, unless its first line is ``-- transaction: none``: then it is one statement
that Postgres refuses in a transaction, and running it twice does no harm. The files are read once: the projection
service compares them with the database every second.
"""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

GENERATION = 2
"""The shape of a model's tables. A new generation is built by a replay, never by converting the old one. Models of the
generation before are read but not written."""
PREVIOUS_LAST = 12
"""The last migration of models of the previous generation."""
_SHARED_SCOPES = {"database": 1, "database_2": 4}
"""Scopes of the tables that all models share, with their first numbers. Each generation has its own: the release before
refuses migrations that it does not know in its scopes, and has to start after a rollback."""
_NO_TRANSACTION = "-- transaction: none"


class Migration(NamedTuple):
    """One numbered file. ``scope`` is a shared one, or the name of a ledger or of a read model."""

    scope: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Reveals an applied file that was changed afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]

    @property
    def is_shared(self) -> bool:
        """Whether it is about the tables that all models share."""
        return self.scope in _SHARED_SCOPES

    @property
    def in_transaction(self) -> bool:
        """Whether the file runs in a transaction."""
        return not self.sql.startswith(_NO_TRANSACTION)

    def __str__(self) -> str:
        return f"{self.scope}/{self.name}"


@cache
def database_migrations() -> tuple[Migration, ...]:
    """Returns the files for the tables that all models share, in order."""
    found = read_migrations(files("migrations") / "database", "database")
    return tuple(migration._replace(scope=shared_scope(migration.number)) for migration in found)


def shared_scope(number: int) -> str:
    """Returns the scope of a migration of the tables that all models share."""
    return max((first, scope) for scope, first in _SHARED_SCOPES.items() if first <= number)[1]


@cache
def ledger_migrations(name: str) -> tuple[Migration, ...]:
    """Returns the files of a ledger, in order."""
    return tuple(read_migrations(files("migrations") / "ledger", name))


@cache
def model_migrations(name: str, flavour: str) -> tuple[Migration, ...]:
    """Returns the files of a model of a flavour, in order."""
    return tuple(read_migrations(files("migrations") / "model" / str(GENERATION), name, flavour))


def read_migrations(folder: Traversable, scope: str, flavour: str = "") -> list[Migration]:
    """Returns the numbered files of a folder, in order, without those of another flavour."""
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        name, *only = file.name.removesuffix(".sql").split(".")
        if name[0].isdigit() and (not only or only == [flavour]):
            found.append(Migration(scope, int(name.split("_")[0]), name, file.read_text("utf-8")))
    return found


def views_sql(generation: int) -> str:
    """Returns the views in ``public`` over the model of a generation that ``search_path`` names."""
    return (files("migrations") / "model" / str(generation) / "views.sql").read_text("utf-8")

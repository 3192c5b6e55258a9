"""The numbered SQL files. A file that differs between the flavours is there twice: ``0003_name.<flavour>.sql``.

A file runs in a transaction of its own, unless its first line is ``-- transaction: none``: then it is one statement
that Postgres refuses in a transaction, written so that running it twice does no harm.
"""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from migrations.models import Model

DATABASE = "database"
"""The scope of what all models share."""
_NO_TRANSACTION = "-- transaction: none"


class Migration(NamedTuple):
    """One numbered file. ``scope`` is ``database`` or the name of a read model."""

    scope: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether an applied file was changed afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]

    @property
    def in_transaction(self) -> bool:
        """Whether it may, and does, run in one."""
        return not self.sql.startswith(_NO_TRANSACTION)

    def __str__(self) -> str:
        return f"{self.scope}/{self.name}"


def database_migrations() -> list[Migration]:
    """What all models share, in order."""
    return read_migrations(files("migrations") / "database", DATABASE)


def model_migrations(model: Model) -> list[Migration]:
    """A model's own, in order."""
    return read_migrations(files("migrations") / "model", model.name, model.flavour)


def read_migrations(folder: Traversable, scope: str, flavour: str = "") -> list[Migration]:
    """The numbered files of a folder, in order, without those of another flavour."""
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        name, *only = file.name.removesuffix(".sql").split(".")
        if file.name.endswith(".sql") and (not only or only == [flavour]):
            found.append(Migration(scope, int(name.split("_")[0]), name, file.read_text("utf-8")))
    return found


def views_sql() -> str:
    """The views in ``public``, over the model that ``search_path`` names."""
    return (files("migrations") / "views.sql").read_text("utf-8")

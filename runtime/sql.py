"""SQL lives in files: a package's ``sql/<name>.sql``, one statement each, described in its first lines."""

from functools import cache
from importlib.resources import files


@cache
def read_sql(package: str, name: str) -> str:
    """The text of ``sql/<name>.sql`` in a package."""
    return (files(package) / "sql" / f"{name}.sql").read_text("utf-8")

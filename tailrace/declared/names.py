"""Names of projections and of their columns, and the names that are not allowed."""

import re

from tailrace.declared.errors import refuse

MAX_NAME = 40
"""Characters of a projection's name; schemas and indexes derive theirs from it."""
MAX_COLUMN = 63
"""Characters of a column's name: a Postgres identifier."""
BUILT_IN = frozenset(
    [
        "projection_position",
        "analytics_events",
        "event_ids",
        "events_by_minute",
        "events_by_hour",
        "events_by_day",
        "users",
        "user_sets",
        "set_log",
        "users_by_hour",
        "users_by_day",
        "all_time",
        "late_ranges",
        "log_gaps",
        "parked_events",
        "pipeline_samples",
        "users_by_type",
        "pages",
        "pages_cells_day",
        "pages_members",
        "pages_set_log",
        "projections",
    ]
)
"""The names of the built-in views."""
PARAMETERS = frozenset("from to bucket by where order limit min_cursor other as_of level".split())  # noqa: SIM905
"""Parameters and fields of ``GET /projections/{name}``; a column of the same name could not be asked for."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def projection_name(class_name: str) -> str:
    """Returns the snake-case name of a class: ``LastSeen`` is ``last_seen``.

    Raises:
        DefinitionError: the name is not allowed.
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()
    if not _COLUMN.fullmatch(name) or len(name) > MAX_NAME or name.startswith("pg_"):
        refuse(class_name, "__name__", f"its name {name!r} must be 1 to {MAX_NAME} of a-z, 0-9 and _, a letter first")
    if name in BUILT_IN:
        refuse(class_name, "__name__", f"{name!r} is the name of a built-in view: rename the class")
    return name


def check_column(owner: str, attribute: str, name: object) -> str:
    """Returns the name of a column.

    Raises:
        DefinitionError: the name is not allowed.
    """
    if not isinstance(name, str) or not _COLUMN.fullmatch(name) or len(name) > MAX_COLUMN:
        refuse(owner, attribute, f"{name!r} must be 1 to {MAX_COLUMN} of a-z, 0-9 and _, with a letter first")
    if name in PARAMETERS:
        refuse(owner, attribute, f"{name!r} is a name of the reading API: use another one")
    return name

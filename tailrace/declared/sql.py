"""``Sql``: tables of its own, and statements that apply a whole batch at once."""

from collections.abc import Sequence
from typing import ClassVar

from tailrace.declared.definitions import SqlDefinition
from tailrace.declared.errors import refuse
from tailrace.declared.names import projection_name
from tailrace.declared.patterns import check_events
from tailrace.declared.projection import Projection, check_attributes, check_version
from tailrace.declared.statements import check_apply, check_tables

MAX_STATEMENTS = 16


class Sql(Projection):
    """Applies each batch of events by SQL statements.

    ```python
    from tailrace import Sql

    class LastSeen(Sql):
        version = 1
        events = ["*"]
        tables = "create table last_seen (user_id bigint primary key, at timestamptz not null)"
        apply = \"\"\"insert into last_seen
                   select user_id, max(created_at) from batch where user_id is not null group by 1
                   on conflict (user_id) do update set at = greatest(last_seen.at, excluded.at)\"\"\"
    ```

    ``batch(seq, event_id, event_type, user_id, created_at, logged_at, event_data)`` contains the events, each once;
    order by ``seq`` if the order matters. How many events a batch has must not change the result. The view
    ``last_seen`` and ``GET /projections/last_seen`` show the table of the projection's name.
    """

    tables: ClassVar[str]
    """``create table`` and ``create index`` statements, separated by semicolons; one table has the projection's name.
    Names have no schema."""
    apply: ClassVar[str | Sequence[str]]
    """An insert, update, delete, merge or with statement, or a list of them, run in order in one transaction."""

    _definition: ClassVar[SqlDefinition]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        name = cls.__name__
        check_attributes(cls, ["tables", "apply"])
        tables, apply = vars(cls).get("tables"), vars(cls).get("apply")
        statements = (apply,) if isinstance(apply, str) else apply
        if not isinstance(tables, str):
            refuse(name, "tables", "it must be text with create table statements")
        if not isinstance(statements, Sequence) or not 1 <= len(statements) <= MAX_STATEMENTS:
            refuse(name, "apply", f"it must be a statement, or a list of 1 to {MAX_STATEMENTS}")
        cls._definition = SqlDefinition(
            projection_name(name),
            check_version(cls),
            check_events(name, vars(cls).get("events")),
            check_tables(name, tables, projection_name(name)),
            tuple(check_apply(name, statement) for statement in statements),
        )

    @classmethod
    def definition(cls) -> SqlDefinition:
        """Returns the definition as plain data."""
        return cls._definition

"""The views in ``public``, by which readers see the live model."""

import re

import asyncpg

from contracts.errors import ConflictError
from migrations.catalogue import Model
from migrations.files import views_sql
from runtime.postgres import read_sql


async def show_model(
    connection: "asyncpg.Connection", model: Model, *, instead_of: Model | None = None, timeout: float | None = None
) -> None:
    """Points the views in ``public`` at a model; call it in a transaction.

    Views of another generation (``instead_of``) have other columns: they are dropped first, and keep their grants.
    ``timeout``: seconds to wait for readers of the views, for all views together; None waits without a limit.

    Raises:
        asyncpg.LockNotAvailableError: the timeout is over; roll the transaction back.
        ConflictError: something that is not Tailrace's depends on a view that has to be dropped.
    """
    statements, grants = views_sql(model.generation), []
    if instead_of is not None and instead_of.generation != model.generation:
        dropped = re.findall(r"view public\.(\w+)", views_sql(instead_of.generation))
        shown = set(re.findall(r"view public\.(\w+)", statements))
        for name in shown.intersection(dropped):
            grants += [row[0] for row in await connection.fetch(read_sql("migrations", "view_grants"), name)]
        statements = "".join(f"drop view if exists public.{name};\n" for name in dropped) + statements
    await connection.execute(f"set local search_path = {model.search_path}")
    try:
        await connection.execute(statements if timeout is None else _within(timeout, statements))
    except asyncpg.DependentObjectsStillExistError as error:
        raise ConflictError(
            f"the views change their columns, and {error.detail}; drop it, then create it again over the new views"
        ) from None
    for grant in grants:
        await connection.execute(grant)


def _within(timeout: float, statements: str) -> str:
    """Gives each view the rest of the timeout: ``lock_timeout`` holds for a single lock."""
    left = f"{timeout * 1000:.0f} - (1000 * extract(epoch from clock_timestamp() - statement_timestamp()))::int"
    limit = f"select set_config('lock_timeout', greatest(1, {left})::text, true);\n"
    return re.sub("^(create|drop) ", lambda found: limit + found[0], statements, flags=re.MULTILINE)

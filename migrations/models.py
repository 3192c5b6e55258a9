"""The read models of a database: a schema each, one of them live."""

from typing import Literal, NamedTuple

import asyncpg

from contracts.errors import SchemaError
from migrations.flavours import Flavour

State = Literal["building", "ready", "dropping"]


class Model(NamedTuple):
    """A read model. ``live``: the views show it. Only a ready one is kept up to date by the projection service."""

    name: str
    flavour: Flavour
    live: bool
    state: State

    @property
    def number(self) -> int:
        """Models are numbered in the order they were made."""
        return int(self.name.removeprefix("model_"))

    @property
    def half_dropped(self) -> str:
        """What to do with one in the state ``dropping``, as a sentence."""
        return f"{self.name} is being dropped, or was half dropped: run `tailrace drop-old` again, it ends that"


async def list_models(connection: "asyncpg.Connection") -> list[Model]:
    """Every model, the oldest first; [] where nothing was migrated yet."""
    if await connection.fetchval("select to_regclass('tailrace.models')") is None:
        return []
    # by way of jsonb: a database that is not up to date has no state yet
    rows = await connection.fetch(
        "select name, flavour, live, coalesce(to_jsonb(models) ->> 'state', 'ready') as state from tailrace.models"
    )
    return sorted((Model(**dict(row)) for row in rows), key=lambda model: model.number)


async def lock_model(connection: "asyncpg.Connection", name: str) -> Model | None:
    """The model as it is now, and stays until the transaction's end; None where it was dropped."""
    row = await connection.fetchrow(
        "select name, flavour, live, state from tailrace.models where name = $1 for update", name
    )
    return None if row is None else Model(**dict(row))


async def change_state(connection: "asyncpg.Connection", name: str, before: State, after: State) -> bool:
    """Notes what may be done with a model from now on; False, and nothing is changed, where it is not in ``before``."""
    changed = "update tailrace.models set state = $3 where name = $1 and state = $2 returning true"
    return bool(await connection.fetchval(changed, name, before, after))


async def use_model(connection: "asyncpg.Connection", model: Model) -> None:
    """Makes unqualified names on this connection mean the model's tables."""
    await connection.execute("select set_config('search_path', $1, false)", model.name)


def live_of(models: list[Model]) -> Model:
    """The live one.

    Raises:
        SchemaError: there is none.
    """
    for model in models:
        if model.live:
            return model
    raise SchemaError("the database has no live read model: run `tailrace migrate`")

"""The read models of a database: a schema each, one of them live."""

from typing import Literal, NamedTuple

import asyncpg

from tailrace.contracts.errors import SchemaError
from tailrace.migrations.flavours import Flavour

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


async def list_models(connection: "asyncpg.Connection") -> list[Model]:
    """Every model, the oldest first; [] where nothing was migrated yet."""
    if await connection.fetchval("select to_regclass('tailrace.models')") is None:
        return []
    # by way of jsonb: a database that is not up to date has no state yet
    rows = await connection.fetch(
        "select name, flavour, live, coalesce(to_jsonb(models) ->> 'state', 'ready') as state from tailrace.models"
    )
    return sorted((Model(**dict(row)) for row in rows), key=lambda model: model.number)


async def set_state(connection: "asyncpg.Connection", model: Model, state: State) -> Model:
    """Notes what may be done with a model from now on."""
    await connection.execute("update tailrace.models set state = $2 where name = $1", model.name, state)
    return model._replace(state=state)


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

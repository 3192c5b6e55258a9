"""The generations of models. Only models of this program's generation are written; those of the one before are read.

The live model of the generation before is frozen: a replay builds its successor beside it, and a cutover shows that.
"""

from collections.abc import Sequence

import asyncpg

from contracts.errors import OldGenerationError, SchemaError
from migrations.catalogue import Model, list_applied, live_of
from migrations.files import GENERATION, PREVIOUS_LAST


async def check_generations(connection: "asyncpg.Connection", models: Sequence[Model]) -> None:
    """Checks that this program can read every model.

    Raises:
        SchemaError: a model is of a later generation, or was left behind by an early version of the one before.
        OldGenerationError: a model is older than that.
    """
    for model in models:
        if model.generation > GENERATION:
            raise SchemaError(f"{model.name} was made by a newer Tailrace ({_named(model)}): use the newer version")
        if model.generation < GENERATION - 1:
            raise old_generation(model, "build a new database with `tailrace replay --into`, or run the version before")
        if not model.is_current:
            numbers = [one.number for one in await list_applied(connection) if one.scope == model.name]
            if max(numbers, default=0) < PREVIOUS_LAST and model.state != "building":
                raise SchemaError(
                    f"{model.name} ({_named(model)}) is not up to date: start the version before this one, which "
                    "migrates it"
                )


def require_current(model: Model) -> None:
    """Checks that this program may write a model.

    Raises:
        OldGenerationError: the model is frozen.
    """
    if not model.is_current:
        raise old_generation(model, "`tailrace replay` builds a new one, `tailrace cutover` shows that")


def current_model(models: list[Model]) -> Model:
    """Returns the live model, or its successor while a frozen one is live.

    Raises:
        OldGenerationError: there is no successor.
    """
    live = live_of(models)
    found = live if live.is_current else successor_of(models) or live
    require_current(found)
    return found


def old_generation(model: Model, advice: str) -> OldGenerationError:
    """Returns the error for a model of an earlier generation, with what to do."""
    return OldGenerationError(f"{model.name} has the tables of an earlier version ({_named(model)}): {advice}")


def successor_of(models: Sequence[Model]) -> Model | None:
    """Returns the newest model of this generation; None if every model is of the one before."""
    return max((model for model in models if model.is_current), key=lambda model: model.number, default=None)


def upgrade_advice(models: list[Model]) -> str:
    """Returns a sentence that names the next command of an upgrade; "" if the live model is of this generation."""
    live, next_one = live_of(models), successor_of(models)
    if live.is_current:
        return ""
    frozen = f"readers see {live.name}, which an earlier version made and which is frozen"
    if next_one is None:
        return f"{frozen}: `tailrace replay` builds a candidate model, then `tailrace cutover` shows that"
    if next_one.state == "ready":
        return (
            f"{frozen}, while {next_one.name} is ready: `tailrace verify` compares it with the log, `tailrace cutover` "
            "shows it to readers, `tailrace drop-old` removes it"
        )
    if next_one.state == "dropping":
        return f"{frozen}; {next_one.half_dropped}"
    return (
        f"{frozen}, while {next_one.name} is built: `tailrace replay` resumes an interrupted replay, then `tailrace "
        "cutover` shows the model"
    )


def _named(model: Model) -> str:
    return f"generation {model.generation}; this one has {GENERATION}"

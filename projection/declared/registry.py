"""Brings the catalogue in line with the files: a new version gets a build, a change without one is refused."""

from collections.abc import Sequence

import asyncpg
import msgspec

from contracts.errors import ConfigurationError, TailraceError
from migrations.catalogue import list_models
from migrations.generations import current_model
from migrations.projections import (
    DeclaredModel,
    add_projection,
    change_projection,
    list_projections,
    note_problems,
)
from migrations.runner import migration_lock
from projection.declared.code import same_code
from projection.declared.loading import Declaration, Loaded, Sources
from projection.declared.tables import create_tables


async def register(connection: "asyncpg.Connection", loaded: Loaded, *, rebuild: bool = False) -> dict[str, str]:
    """Adds a build for each new version, and marks those orphaned whose class is gone from every file.

    With ``rebuild``, a change under an old version gets a build, too. Returns a sentence for each name whose
    declaration can't be used; ``tailrace status`` shows them and the problems of the files.
    """
    refused: dict[str, str] = {}
    async with migration_lock(connection):
        builds = [model for model in await list_projections(connection) if model.state != "dropping"]
        for name, declaration in loaded.declarations.items():
            of_name = [model for model in builds if model.name == name]
            for model in of_name:
                if model.state == "orphaned":
                    # every version of it continues, the live one too
                    await change_projection(connection, model, state="building", error=model.error)
            try:
                await _register(connection, declaration, of_name, rebuild)
            except TailraceError as error:
                refused[name] = str(error)
        for model in builds:
            # a file that does not load may be the one that has the class
            if model.name not in loaded.declarations and not loaded.problems and model.state != "orphaned":
                await change_projection(connection, model, state="orphaned", error=model.error)
        await note_problems(connection, [*loaded.problems, *refused.values()])
    return refused


async def add_build(connection: "asyncpg.Connection", declaration: Declaration) -> DeclaredModel:
    """Adds a build of a declaration, with its tables.

    Raises:
        ConfigurationError: the name belongs to another relation, or the database refuses the declaration.
    """
    definition = declaration.definition
    ledger = current_model(await list_models(connection)).ledger
    async with connection.transaction():
        model = await add_projection(
            connection,
            definition.name,
            definition.version,
            declaration.kind,
            declaration.encoded,
            msgspec.json.encode(declaration.sources).decode(),
            ledger,
        )
        await create_tables(connection, model)
    return model


def find_change(declaration: Declaration, model: DeclaredModel) -> bool:
    """Whether a declaration differs from the build of its version."""
    if declaration.encoded != model.definition:
        return True
    stored = msgspec.json.decode(model.sources, type=Sources)
    return not same_code(stored.files, declaration.sources.files, declaration.class_name)


async def _register(
    connection: "asyncpg.Connection", declaration: Declaration, builds: Sequence[DeclaredModel], rebuild: bool
) -> None:
    version, class_name = declaration.definition.version, declaration.class_name
    same = [model for model in builds if model.version == version]
    if same:
        newest = same[-1]
        if find_change(declaration, newest):
            if rebuild:
                await add_build(connection, declaration)
                return
            raise ConfigurationError(
                f"{class_name} was changed, but is still version {version}: its rows would be of both; set version = "
                f"{max(model.version for model in builds) + 1}, and the new one is built beside, or undo the change"
            )
    elif any(model.version > version for model in builds):
        newest_version = max(model.version for model in builds)
        raise ConfigurationError(
            f"{class_name} is version {version}, and version {newest_version} was built before: "
            f"set version = {newest_version + 1}"
        )
    else:
        if not builds and await connection.fetchval(
            "select to_regclass($1)", f'public."{declaration.definition.name}"'
        ):
            raise ConfigurationError(
                f"{class_name}: public.{declaration.definition.name} exists already and is not of a projection: "
                "rename the class"
            )
        await add_build(connection, declaration)

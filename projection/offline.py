"""For an upgrade without space for two models: drops the old ones first. Readers see the new one while it grows."""

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConflictError
from migrations.catalogue import Model, list_models, live_of
from migrations.pipeline import find_losses, read_live_model
from migrations.runner import migrate, migration_lock, require_current_schema
from projection.cutover import drop_tables, projector_ended
from runtime.log.client import LogClient
from runtime.log.positions import verify_position
from runtime.settings import Settings

LOCK_TIMEOUT = 15.0
"""Seconds to wait for projectors, and for readers of the tables."""


async def rebuild_offline(client: LogClient, connection: "asyncpg.Connection", settings: Settings) -> list[Model]:
    """Drops every model and creates an empty live one, which the projection service fills.

    Returns the dropped models: none if the live model is of this generation.

    Raises:
        ConflictError: the log does not have every event of the live model, or a projector is still active.
        ForeignHistoryError: the live model belongs to another log.
        asyncpg.LockNotAvailableError: a reader does not end.
    """
    await require_current_schema(connection)
    models = await list_models(connection)
    if live_of(models).is_current:
        return []
    position: Cursor = (await read_live_model(connection)).position
    state = await client.state()
    if position.epoch:
        await verify_position(client, position)
    if losses := find_losses(state):
        raise ConflictError(f"the old model is not dropped, since it can't be rebuilt: {'; '.join(losses)}")
    for model in models:
        if not await projector_ended(connection, model.projector_lock, LOCK_TIMEOUT):
            raise ConflictError(f"{model.name} is being projected into; stop its projector or replay first")
    try:
        async with migration_lock(connection), connection.transaction():
            await connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT * 1000:.0f}")
            for model in models:
                await drop_tables(connection, model)
    finally:
        for model in models:
            await connection.execute("select pg_advisory_unlock($1)", model.projector_lock)
    await migrate(connection, settings)
    return models

"""Refuses to start an empty log in place of one from which the database's models were built."""

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError, LogLostError, SchemaError
from migrations.catalogue import get_live_model
from runtime.postgres import DatabaseMissingError, DatabaseUnavailableError, connect
from runtime.settings import Settings

_NAMES_DATABASE = {"database", "database_host", "database_port", "db_user", "db_pass", "db_name"}


def lost_log(model: str, position: Cursor) -> LogLostError:
    """Returns the error for a missing log that a model was built from."""
    return LogLostError(
        f"the log is gone: {model} was built from it up to {position}, and the log's server has none. Restore the "
        f"log from a backup; or start an empty one, without these {position.seq:,} entries, with `tailrace log "
        "new-epoch`: the tables stay readable until a cutover"
    )


async def require_no_position(settings: Settings) -> None:
    """Checks that no model of the database has read a log yet.

    A database that the settings don't name, such as that of a command service without one, may be away.

    Raises:
        LogLostError: the live model has a position.
        ConfigurationError, DatabaseUnavailableError: the database can't be asked.
    """
    try:
        connection = await connect(settings.dsn, name="streams")
    except DatabaseMissingError:
        return
    except (ConfigurationError, DatabaseUnavailableError):
        if settings.model_fields_set & _NAMES_DATABASE:
            raise
        return
    try:
        model = (await get_live_model(connection)).name
        row = await connection.fetchrow(
            f"select epoch, seq, to_jsonb(position) ->> 'fingerprint' from {model}.projection_position as position"
        )
    except (SchemaError, asyncpg.UndefinedTableError):
        return  # never migrated
    finally:
        await connection.close()
    if (position := Cursor(row[0], row[1], row[2] or "")).seq:
        raise lost_log(model, position)

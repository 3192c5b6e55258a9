"""TimescaleDB policies from the settings: the length of a chunk and the age at which chunks are compressed.

Policies are not migrations: a setting may change at any time, and `tailrace migrate` applies it.
"""

from datetime import timedelta

import asyncpg

from migrations.catalogue import Model
from migrations.flavours import extension_schema
from runtime.settings import Settings


async def reconcile_policies(connection: "asyncpg.Connection", model: Model, settings: Settings) -> list[str]:
    """Applies the settings to a model's policies. Returns one sentence per change."""
    if model.flavour != "timescale":
        return []
    async with connection.transaction():
        schema = await extension_schema(connection)
        await connection.execute("select set_config('search_path', $1, true)", f"{model.name}, {schema}")
        changes = [await _chunks(connection, model, timedelta(days=settings.chunk_days))]
        after = timedelta(days=settings.compress_after_days) or None
        changes.append(await _compression(connection, model, after))
    return [f"{model.name}: {change}" for change in changes if change]


async def _chunks(connection: "asyncpg.Connection", model: Model, length: timedelta) -> str:
    found = await connection.fetchval(
        "select time_interval from timescaledb_information.dimensions"
        " where hypertable_schema = $1 and hypertable_name = 'analytics_events'",
        model.name,
    )
    if found == length:
        return ""
    await connection.execute("select set_chunk_time_interval('analytics_events', $1::interval)", length)
    return f"new chunks span {_days(length)}"


async def _compression(connection: "asyncpg.Connection", model: Model, after: timedelta | None) -> str:
    found = await connection.fetchval(
        "select (config ->> 'compress_after')::interval from timescaledb_information.jobs"
        " where proc_name = 'policy_compression' and hypertable_schema = $1 and hypertable_name = 'analytics_events'",
        model.name,
    )
    if found == after:
        return ""
    await connection.execute("select remove_compression_policy('analytics_events', if_exists => true)")
    if after is None:
        return "chunks are no longer compressed"
    await connection.execute("select add_compression_policy('analytics_events', compress_after => $1::interval)", after)
    return f"chunks are compressed at an age of {_days(after)}"


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return "1 day" if days == 1 else f"{days:g} days"

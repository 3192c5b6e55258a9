"""Connections to the log and the database for the length of one command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings


@asynccontextmanager
async def open_log(settings: Settings, name: str) -> AsyncIterator[LogClient]:
    """Connects to the log; raises what ``connect_log`` raises."""
    client = await connect_log(settings, name)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_database(settings: Settings, name: str) -> "AsyncIterator[asyncpg.Connection]":
    """Connects to the database; raises what ``connect`` raises."""
    connection = await connect(settings.dsn, name=name)
    try:
        yield connection
    finally:
        await connection.close()

"""Further databases for a test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from tailrace.embedded.postgres import EmbeddedPostgres

CopyDatabase = Callable[[str], Awaitable[str]]


@pytest.fixture
async def copy_database(postgres_server: EmbeddedPostgres) -> AsyncIterator[CopyDatabase]:
    """Copies a database without connections, as a dump does; returns the copy's address."""
    async with AsyncExitStack() as ending:
        admin = await asyncpg.connect(postgres_server.dsn("postgres"))
        ending.push_async_callback(admin.close)

        async def copy(name: str) -> str:
            made = f"copy_{uuid4().hex}"
            await admin.execute(f"create database {made} template {name.rpartition('/')[2]}")
            ending.push_async_callback(admin.execute, f"drop database {made} with (force)")
            return postgres_server.dsn(made)

        yield copy


@asynccontextmanager
async def connected(dsn: str) -> "AsyncIterator[asyncpg.Connection]":
    """A connection like that of a psql user, while the block runs."""
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    try:
        yield connection
    finally:
        await connection.close()

"""Database roles with few privileges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import asyncpg

from tailrace.embedded.postgres import EmbeddedPostgres


@dataclass
class Role:
    """A role that may connect to databases and owns none."""

    server: EmbeddedPostgres
    name: str
    admin: "asyncpg.Connection"

    def dsn(self, dsn: str) -> str:
        """Returns the address of a database for this role."""
        parts = urlsplit(dsn)
        return parts._replace(netloc=f"{self.name}:secret@{parts.hostname}:{parts.port}").geturl()

    async def create_database(self, dsn: str) -> None:
        """Creates the database of an address, owned by the role."""
        name = unquote(urlsplit(dsn).path.lstrip("/"))
        await self.admin.execute(f'create database "{name}" owner {self.name}')


@asynccontextmanager
async def temporary_role(server: EmbeddedPostgres, *, connects_to_postgres: bool = True) -> AsyncIterator[Role]:
    """Creates a role, and drops it at the end with its databases."""
    name = f"role_{uuid4().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f"create role {name} login password 'secret'")
        if not connects_to_postgres:
            await admin.execute("revoke connect on database postgres from public")
        yield Role(server, name, admin)
    finally:
        await admin.execute("grant connect on database postgres to public")
        owned = "select quote_ident(datname) from pg_database where pg_get_userbyid(datdba) = $1"
        for row in await admin.fetch(owned, name):
            await admin.execute(f"drop database {row[0]} with (force)")
        await admin.execute(f"drop role {name}")
        await admin.close()

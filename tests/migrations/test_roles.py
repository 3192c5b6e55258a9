"""The role that may read everything: made once, and given a new password whenever it has another one."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from migrations.roles import ensure_reader


async def test_a_new_password_takes_the_old_ones_place(database: str, connection: asyncpg.Connection) -> None:
    async def read(password: str) -> int:
        address = urlsplit(database)
        server = f"{address.hostname}:{address.port}{address.path}"
        reader = await asyncpg.connect(f"postgresql://rotated_reader:{password}@{server}")
        try:
            return int(await reader.fetchval("select count(*) from analytics_events"))
        finally:
            await reader.close()

    for password, before in (("first", None), ("se'cond", "first"), ("third", "se'cond")):
        await ensure_reader(connection, "rotated_reader", password)
        assert await read(password) == 0
        if before is not None:
            with pytest.raises(asyncpg.InvalidPasswordError):
                await read(before)

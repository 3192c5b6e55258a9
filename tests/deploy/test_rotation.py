"""Changing passwords as the operations page says: new ones in ``.env``, then the containers are recreated."""

import asyncio
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx
import nats
import pytest
from nats.errors import Error as NatsError

from tests.support.compose_services import PASSWORDS, Running, change_environment, running_compose
from tests.support.servers import PostgresServer
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(240)


def test_after_a_password_change_events_are_counted_and_the_old_password_is_refused(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    server = own_postgres_server.embedded
    place = f"127.0.0.1:{server.port}/seed_db"
    with running_compose(server, tmp_path) as running:
        variables = PASSWORDS | {"NATS_PROJECTION_PASS": "another"}
        assert change_environment(running, variables) == {"nats", "projection"}
        asyncio.run(one_more_is_counted(running))
        asyncio.run(log_refuses(running, "projection", PASSWORDS["NATS_PROJECTION_PASS"]))

        asyncio.run(typed(server.dsn("seed_db"), "alter role \"seed\" password 'changed'"))
        variables |= {"DB_PASS": "changed"}
        assert change_environment(running, variables) == {"migrate", "projection", "query"}
        asyncio.run(one_more_is_counted(running))
        asyncio.run(database_refuses(f"postgresql://seed:{quote(PASSWORDS['DB_PASS'])}@{place}"))

        variables |= {"GRAF_DB_PASS": "other"}
        assert change_environment(running, variables) == {"migrate"}
        asyncio.run(typed(f"postgresql://grafana_reader:other@{place}", "select count(*) from analytics_events"))
        asyncio.run(database_refuses(f"postgresql://grafana_reader:{PASSWORDS['GRAF_DB_PASS']}@{place}"))


async def one_more_is_counted(running: Running) -> None:
    """Checks that an event sent now is counted."""
    command, query = (f"http://127.0.0.1:{running.ports[name]}" for name in ("command", "query"))
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        event = {"event_type": "after_it", "user_id": 1, "event_data": {}}
        cursors: list[str] = []

        async def taken() -> bool:
            answer = await http.post(f"{command}/events", json=event)
            if answer.status_code == 202:
                cursors.append(answer.json()["cursor"])
            return bool(cursors)

        await until(taken)  # the command service reconnects to the log
        answer = await http.get(f"{query}/stats", params={"event_type": "after_it", "min_cursor": cursors[0]})
        assert answer.json()["totals"]["events"] > 0


async def log_refuses(running: Running, user: str, password: str) -> None:
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await nats.connect(
            f"nats://{user}:{password}@127.0.0.1:{running.ports['nats']}", allow_reconnect=False, connect_timeout=5
        )


async def database_refuses(dsn: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn)


async def typed(dsn: str, statement: str) -> None:
    """Returns the value as psql prints it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()

"""The key of user ids on a real server: made once, found by its fingerprint, and never replaced silently."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError, LogUnavailableError, UserKeyError
from contracts.subjects import LOG_STREAM, USERS_BUCKET, USERS_STREAM
from migrations.stream_metadata import new_epoch, set_metadata
from migrations.streams import create_log, ensure_streams
from migrations.user_key import ensure_user_key
from runtime.log.buckets import read_value, write_value
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from runtime.log.metadata import USER_KEY, user_key_of
from runtime.settings import Settings
from runtime.user_key import UserIds, stored_key
from tailrace.embedded.nats import EmbeddedNats, random_passwords
from tests.support.servers import running_nats

pytestmark = pytest.mark.writes_no_table


async def remove_key(log: LogClient, settings: Settings) -> bytes:
    """Loses the bucket; returns the key that it had."""
    secret, _ = await read_value(log, USERS_BUCKET, "key")
    await log.api(f"STREAM.DELETE.{USERS_STREAM}", {})
    await ensure_streams(log, settings)
    return secret


async def fingerprint(log: LogClient) -> str:
    return user_key_of(await log.stream_info(LOG_STREAM))


async def alice(log: LogClient, settings: Settings) -> int:
    users = UserIds(settings)
    await users.refresh(log)
    return users.identify("alice")


async def test_a_log_gets_its_key_once(log: LogClient, settings: Settings) -> None:
    made = await stored_key(log)
    assert made is not None
    assert await fingerprint(log) == made.fingerprint
    assert await alice(log, settings) == made.hash("alice")
    assert await ensure_user_key(log, settings) == []


async def test_a_log_of_an_earlier_version_gets_one_key_from_several_services(
    log: LogClient, settings: Settings
) -> None:
    await set_metadata(log, await log.stream_info(LOG_STREAM), USER_KEY, "")
    await log.api(f"STREAM.DELETE.{USERS_STREAM}", {})
    dry = await ensure_streams(log, settings, dry_run=True)
    assert dry.done == [f"the stream {USERS_STREAM} is created", "the log gets a key of user ids"]
    with pytest.raises(UserKeyError, match="has `tailrace migrate` created it"):
        await alice(log, settings)
    await asyncio.gather(*(ensure_streams(log, settings) for _ in range(5)))
    made = await stored_key(log)
    assert made is not None
    assert await fingerprint(log) == made.fingerprint


async def test_a_lost_key_is_not_replaced_and_works_again_once_it_is_restored(
    log: LogClient, settings: Settings
) -> None:
    before = await alice(log, settings)
    secret = await remove_key(log, settings)
    assert await stored_key(log) is None
    users = UserIds(settings)
    await users.refresh(log)
    with pytest.raises(UserKeyError, match=f"missing, its fingerprint is {await fingerprint(log)}"):
        users.identify("alice")
    assert users.identify("-7") == -7
    assert await write_value(log, USERS_BUCKET, "key", secret, last=0)
    await users.refresh(log)
    assert users.identify("alice") == before


async def test_another_key_is_refused(log: LogClient, settings: Settings) -> None:
    await remove_key(log, settings)
    assert await write_value(log, USERS_BUCKET, "key", b"another key", last=0)
    with pytest.raises(UserKeyError, match=f"made with the key {await fingerprint(log)}"):
        await alice(log, settings)


async def test_the_key_may_be_in_a_file(log: LogClient, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "user.key"
    own = settings.model_copy(update={"user_key_file": str(file)})
    with pytest.raises(ConfigurationError, match="No such file"):
        UserIds(own)
    file.write_text("short\n")
    with pytest.raises(ConfigurationError, match="has 5 bytes"):
        UserIds(own)
    before = await alice(log, settings)
    file.write_bytes(await remove_key(log, settings) + b"\n")
    assert await alice(log, own) == before
    await set_metadata(log, await log.stream_info(LOG_STREAM), USER_KEY, "")
    await ensure_user_key(log, own)
    assert await alice(log, own) == before
    assert await stored_key(log) is None


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """A NATS server with users."""
    with running_nats(tmp_path / "nats", passwords=random_passwords()) as server:
        yield server.embedded


async def test_only_the_command_and_query_services_may_read_the_key(guarded: EmbeddedNats, settings: Settings) -> None:
    async with connected(guarded.url) as admin:
        await ensure_streams(admin, settings)
        made = await stored_key(admin)
    for user in ("command", "query", "projection", "producer"):
        async with connected(guarded.url_of(user)) as client:
            if user in ("command", "query"):
                found = await stored_key(client)
                assert made is not None
                assert found is not None
                assert found.fingerprint == made.fingerprint
            else:
                with pytest.raises(LogUnavailableError):
                    await stored_key(client)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[LogClient]:
    client = await connect_nats(url, "test")
    yield client
    await client.close()


async def test_a_new_epoch_keeps_the_key_and_so_does_an_empty_log(log: LogClient, settings: Settings) -> None:
    before = await alice(log, settings)
    await new_epoch(log)
    assert await alice(log, settings) == before
    await log.api(f"STREAM.DELETE.{LOG_STREAM}", {})
    await create_log(log, settings)
    await ensure_streams(log, settings)
    assert await alice(log, settings) == before

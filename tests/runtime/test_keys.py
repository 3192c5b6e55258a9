"""Keys on a real server: stored as hashes, found by their text, revoked, rotated and seeded."""

import asyncio

import pytest

from contracts.errors import ConfigurationError, ConflictError
from contracts.subjects import ACCESS_BUCKET
from runtime.access.guard import OPEN_PATHS, Rules
from runtime.access.keys import KeyRing, KeyStore, seed_keys
from runtime.access.sessions import Tickets, key_of_session, new_session
from runtime.access.setup import needs_keys
from runtime.log.buckets import read_value
from runtime.log.client import LogClient
from runtime.settings import Settings

pytestmark = pytest.mark.writes_no_table
SEED = "a-key-of-twenty-characters"


async def test_a_key_is_found_by_its_text_and_stored_as_a_hash(log: LogClient) -> None:
    store = KeyStore(log)
    write, read = await store.create("write", name="shop"), await store.create("read")
    ring = KeyRing(await store.read())
    assert ring.find(write.text) == write.key
    assert ring.find(read.text) == read.key
    for wrong in ("", write.text[:-1], write.key.hash, "tr_write_"):
        assert ring.find(wrong) is None
    stored, _ = await read_value(log, ACCESS_BUCKET, "keys")
    assert write.text.encode() not in stored
    assert write.text.split("_", 3)[3].encode() not in stored


async def test_a_revoked_key_is_not_found_and_stays_listed(log: LogClient) -> None:
    store = KeyStore(log)
    created = await store.create("read")
    await store.revoke(created.key.id)
    [listed] = await store.read()
    assert not listed.is_active
    assert KeyRing([listed]).find(created.text) is None
    for change in (store.revoke, store.rotate):
        with pytest.raises(ConflictError, match="no active key has the id"):
            await change(created.key.id)


async def test_a_rotated_key_works_beside_the_old_one(log: LogClient) -> None:
    store = KeyStore(log)
    old = await store.create("write", name="shop", origins=["https://shop.example"], rate=5)
    new = await store.rotate(old.key.id)
    ring = KeyRing(await store.read())
    assert ring.find(old.text) == old.key
    assert ring.find(new.text) == new.key
    assert new.text != old.text
    assert (new.key.name, new.key.origins, new.key.rate) == ("shop", ("https://shop.example",), 5)


async def test_keys_that_are_created_at_the_same_time_are_all_stored(log: LogClient) -> None:
    created = await asyncio.gather(*(KeyStore(log).create("read") for _ in range(4)))
    assert {key.id for key in await KeyStore(log).read()} == {one.key.id for one in created}


async def test_keys_of_the_settings_are_stored_once_and_stay_revoked(log: LogClient) -> None:
    settings = Settings(write_key=SEED, read_key=SEED[::-1])
    stored = await seed_keys(log, settings)
    assert [key.kind for key in stored] == ["write", "read"]
    assert await seed_keys(log, settings) == []
    store = KeyStore(log)
    await store.revoke(stored[0].id)
    assert await seed_keys(log, settings) == []
    ring = KeyRing(await store.read())
    assert ring.find(SEED) is None
    assert ring.find(SEED[::-1]) == stored[1]


async def test_a_short_key_in_the_settings_is_refused(log: LogClient) -> None:
    with pytest.raises(ConfigurationError, match="TAILRACE_WRITE_KEY needs at least 20 characters"):
        await seed_keys(log, Settings(write_key="secret"))


async def test_a_session_ends_with_its_time_and_with_its_key(log: LogClient, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeyStore(log)
    created, other = await store.create("read"), await store.create("read")
    ring = KeyRing(await store.read())
    cookie = new_session(created.key)
    assert key_of_session(cookie, ring) == created.key
    key_id, expires, signature = cookie.split(".")
    for forged in (
        f"{other.key.id}.{expires}.{signature}",
        f"{key_id}.{int(expires) + 1}.{signature}",
        f"{key_id}.{expires}.{signature[:-1]}",
        f"{key_id}.{'9' * 5000}.{signature}",
        f"{key_id}..{signature}",
        "é",
        "",
    ):
        assert key_of_session(forged, ring) is None
    assert key_of_session(cookie, KeyRing([other.key])) is None
    monkeypatch.setattr("runtime.access.sessions.SESSION_LIFETIME", -1)
    assert key_of_session(new_session(created.key), ring) is None


async def test_a_ticket_works_once(log: LogClient, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await KeyStore(log).create("read")
    ring, tickets = KeyRing([created.key]), Tickets(log)
    ticket = await tickets.issue(created.key)
    redeemed = await asyncio.gather(*(Tickets(log).redeem(ticket, ring) for _ in range(5)))
    assert [key for key in redeemed if key is not None] == [created.key]
    assert await tickets.redeem(ticket, ring) is None
    for unknown in ("", "x" * 32, ">" * 32, "a.b" * 11):
        assert await tickets.redeem(unknown, ring) is None
    monkeypatch.setattr("runtime.access.sessions.TICKET_LIFETIME", -1)
    monkeypatch.setattr("runtime.access.sessions._ttl", dict)
    assert await tickets.redeem(await tickets.issue(created.key), ring) is None


def test_keys_are_needed_beyond_loopback_and_where_settings_ask_for_them() -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert not needs_keys(Settings(host=host))
        assert needs_keys(Settings(host=host, require_keys=True))
    for host in ("0.0.0.0", "::", "192.0.2.7", "stats.example"):
        assert needs_keys(Settings(host=host))
        assert not needs_keys(Settings(host=host, insecure=True))
    with pytest.raises(ConfigurationError, match="exclude each other"):
        needs_keys(Settings(insecure=True, require_keys=True))


def test_a_path_needs_the_kind_of_key_that_the_rules_name() -> None:
    rules = Rules(default="read", paths={"/metrics": "metrics"}, open=(*OPEN_PATHS, "/"))
    for path in ("/", "/health", "/health/ready", "/docs", "/docs/files/a.js", "/openapi.json"):
        assert rules.kind_of(path) is None
    for path in ("/stats", "/healthy", "/docsx", "//", "/health/../stats", "/nothing", ""):
        assert rules.kind_of(path) == "read"
    assert rules.kind_of("/metrics") == "metrics"

"""Gives a log its key of user ids, once."""

import secrets

from contracts.subjects import LOG_STREAM, USERS_BUCKET
from contracts.users import UserKey
from migrations.stream_metadata import set_metadata
from runtime.log.buckets import write_value
from runtime.log.client import LogClient
from runtime.log.metadata import USER_KEY, user_key_of
from runtime.settings import Settings
from runtime.user_key import KEY, key_of_file, stored_key


async def ensure_user_key(client: LogClient, settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Makes a key for a log that has none, and returns what changed, in sentences.

    The key of the settings' file or of the bucket comes first. A log whose metadata name a key keeps that: if it is
    lost, no other takes its place. Several services may run this at once: they get the same key.

    Raises:
        ConfigurationError: the file of the key can't be used.
        LogUnavailableError: the log does not answer, or does not let this user change it.
    """
    info = await client.stream_info(LOG_STREAM)
    if user_key_of(info):
        return []
    if dry_run:
        return ["the log gets a key of user ids"]
    key = key_of_file(settings) or await stored_key(client) or await _make(client)
    await set_metadata(client, info, USER_KEY, key.fingerprint)
    return [f"the log's key of user ids has the fingerprint {key.fingerprint}"]


async def _make(client: LogClient) -> UserKey:
    secret = secrets.token_urlsafe(32).encode()
    if await write_value(client, USERS_BUCKET, KEY, secret, last=0):
        return UserKey(secret)
    found = await stored_key(client)  # another service made it first
    assert found is not None
    return found

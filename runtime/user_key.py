"""The key of user ids: where it is, and whether it is the log's.

It is in a NATS key-value bucket or in a file. The log's metadata has the key's fingerprint, so that strings are refused
rather than turned into other ids than before.
"""

import asyncio
import logging
from pathlib import Path

from contracts.errors import ConfigurationError, TailraceError, UserKeyError
from contracts.subjects import LOG_STREAM, USERS_BUCKET
from contracts.users import UserKey, integer_id
from runtime.log.buckets import read_value
from runtime.log.client import LogClient
from runtime.log.metadata import user_key_of
from runtime.settings import Settings

KEY = "key"
INTERVAL = 2.0
"""Seconds between two looks at the log's metadata."""
MIN_SECRET = 32
"""Bytes of a key in a file: fewer could be guessed."""

logger = logging.getLogger("tailrace.users")


class UserIds:
    """Finds the id of a user that a string names. One per process; it knows no key before ``refresh``."""

    def __init__(self, settings: Settings) -> None:
        """Reads the file of the key, if the settings name one.

        Raises:
            ConfigurationError: the file can't be used.
        """
        self._from_file = key_of_file(settings)
        self._key: UserKey | None = None
        self._problem = "the key of user ids has not been read yet"

    @property
    def problem(self) -> str:
        """Why strings are refused, as of the last ``refresh``; "" if they are not."""
        return self._problem if self._key is None else ""

    def identify(self, text: str) -> int:
        """Returns the id of a user.

        Raises:
            UserKeyError: the text is not an integer, and the log's key is not known.
        """
        number = integer_id(text)
        if number is not None:
            return number
        if self._key is None:
            raise UserKeyError(self._problem)
        return self._key.hash(text)

    async def refresh(self, client: LogClient) -> None:
        """Compares the key with the fingerprint in the log's metadata; reads it again if they differ.

        While the server is away, the last known key stays.
        """
        try:
            wanted = user_key_of(await client.stream_info(LOG_STREAM))
            if self._key is not None and self._key.fingerprint == wanted:
                return
            key = self._from_file or await stored_key(client)
        except TailraceError as error:
            if self._key is None:
                self._refuse(f"the key of user ids can't be read: {error}")
            return
        if key is not None and key.fingerprint == wanted:
            self._key = key
        else:
            self._refuse(_mismatch(wanted, key))

    def _refuse(self, problem: str) -> None:
        if problem != self._problem:
            logger.warning("%s; until then events and questions with a string as user_id are refused", problem)
        self._key, self._problem = None, problem

    async def watch(self, client: LogClient) -> None:
        """Refreshes until it is cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.refresh(client)


def _mismatch(wanted: str, key: UserKey | None) -> str:
    if not wanted:
        return "the log names no key of user ids: run `tailrace migrate`"
    if key is None:
        return (
            f"the key of user ids is missing, its fingerprint is {wanted}: restore the bucket {USERS_BUCKET}, or name "
            "the key's file in TAILRACE_USER_KEY_FILE"
        )
    return (
        f"the key of user ids has the fingerprint {key.fingerprint}, but the log's ids were made with the key "
        f"{wanted}: restore that, in the bucket {USERS_BUCKET} or in the file that TAILRACE_USER_KEY_FILE names"
    )


def key_of_file(settings: Settings) -> UserKey | None:
    """Returns the key of the file that the settings name; None if they name none.

    Raises:
        ConfigurationError: the file can't be read, or is too short.
    """
    if settings.user_key_file is None:
        return None
    try:
        secret = Path(settings.user_key_file).read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"TAILRACE_USER_KEY_FILE: {settings.user_key_file}: {error.strerror}") from None
    if len(secret) < MIN_SECRET:
        raise ConfigurationError(
            f"TAILRACE_USER_KEY_FILE: {settings.user_key_file} has {len(secret)} bytes, at least {MIN_SECRET} are "
            "needed"
        )
    return UserKey(secret)


async def stored_key(client: LogClient) -> UserKey | None:
    """Returns the key in the bucket; None if there is none.

    Raises:
        LogUnavailableError: the log's server does not answer.
    """
    secret, _ = await read_value(client, USERS_BUCKET, KEY)
    return UserKey(secret) if secret else None

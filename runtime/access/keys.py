"""Keys: what they permit, how a service checks one, and where they are stored.

All keys are one JSON document in a NATS key-value bucket. It holds hashes, never the keys. Each service reads the
document every second, so a revoked key stops working within two seconds.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import msgspec

from contracts.errors import ConfigurationError, ConflictError, TailraceError
from contracts.subjects import ACCESS_BUCKET
from runtime.log.buckets import read_value, write_value
from runtime.log.client import LogClient
from runtime.settings import Settings

Kind = Literal["write", "read", "metrics", "embed"]

EMBEDDABLE = ("/badge.svg", "/embed")
"""The paths that embed keys permit."""
POLL_INTERVAL = 1.0
KEEP_LAST = 15 * 60.0
"""Seconds for which the last known keys count while the log's server does not answer."""
MIN_LENGTH = 20
"""Characters of a key that settings give: fewer could be guessed."""
KEYS = "keys"
_TRIES = 5

logger = logging.getLogger("tailrace.access")


class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key as it is stored. ``rate`` is requests per second; ``origins`` are the web pages that may send the key.

    An embed key permits one ``question``, a path with its query, and pages of ``origins`` may show the answer.
    """

    id: str
    kind: Kind
    hash: str
    created_at: datetime
    name: str = ""
    origins: tuple[str, ...] = ()
    rate: float | None = None
    revoked_at: datetime | None = None
    question: str = ""

    @property
    def is_active(self) -> bool:
        """Whether the key works."""
        return self.revoked_at is None

    def permits(self, kind: Kind) -> bool:
        """Whether the key opens a route that needs ``kind``. A read key also reads metrics."""
        return self.kind == kind or (self.kind == "read" and kind == "metrics")


class Created(msgspec.Struct, frozen=True):
    """A new key and its text, which is shown once and stored nowhere."""

    key: Key
    text: str


class KeyRing:
    """The keys that a service knows."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.replace(keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """Sets the keys as they were read just now."""
        self._keys = {key.id: key for key in keys if key.is_active}
        self._read_at = time.monotonic()

    def forget(self) -> None:
        """Drops the keys: nothing is known until they are read again."""
        self._keys = {}
        self._read_at = -KEEP_LAST

    @property
    def is_current(self) -> bool:
        """Whether the keys were read within the last 15 minutes."""
        return time.monotonic() - self._read_at < KEEP_LAST

    @property
    def origins(self) -> frozenset[str]:
        """The origins of all keys."""
        return frozenset(origin for key in self._keys.values() for origin in key.origins)

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> Key | None:
        """Returns the active key with an id."""
        return self._keys.get(key_id)

    def find(self, text: str) -> Key | None:
        """Returns the active key with a text. Takes the same time for every wrong text."""
        wanted = hash_of(text)
        found = None
        for key in self._keys.values():
            if hmac.compare_digest(key.hash, wanted):
                found = key
        return found


class KeyStore:
    """Reads and changes the stored keys."""

    def __init__(self, client: LogClient) -> None:
        self._client = client

    async def read(self) -> list[Key]:
        """Returns all keys, the revoked ones too, the oldest first.

        Raises:
            LogUnavailableError: the log's server does not answer.
            StreamMissingError: ``tailrace migrate`` has not created the bucket.
        """
        return (await self._read())[0]

    async def create(
        self,
        kind: Kind,
        *,
        name: str = "",
        origins: Iterable[str] = (),
        rate: float | None = None,
        question: str = "",
    ) -> Created:
        """Creates and stores a key.

        Raises:
            LogUnavailableError: the log's server does not answer.
            ConflictError: other processes keep changing the keys.
        """
        key_id = secrets.token_hex(4)
        text = f"tr_{kind}_{key_id}_{secrets.token_urlsafe(24)}"
        key = Key(key_id, kind, hash_of(text), _now(), name, tuple(origins), rate, question=question)
        await self._change(lambda keys: [*keys, key])
        return Created(key, text)

    async def seed(self, kind: Kind, text: str) -> Key | None:
        """Stores a key that settings give, unless it is already known, active or revoked; then returns None.

        Raises:
            ConfigurationError: the key is too short.
            LogUnavailableError: the log's server does not answer.
        """
        if len(text) < MIN_LENGTH:
            raise ConfigurationError(f"TAILRACE_{kind.upper()}_KEY needs at least {MIN_LENGTH} characters")
        key = Key(hash_of(text)[:8], kind, hash_of(text), _now(), f"TAILRACE_{kind.upper()}_KEY")
        if any(known.hash == key.hash for known in await self.read()):
            return None
        await self._change(lambda keys: [*keys, key])
        return key

    async def revoke(self, key_id: str) -> Key:
        """Revokes a key.

        Raises:
            ConflictError: no active key has this id.
            LogUnavailableError: the log's server does not answer.
        """
        found = await self._active(key_id)
        revoked = msgspec.structs.replace(found, revoked_at=_now())
        await self._change(lambda keys: [revoked if key.id == key_id else key for key in keys])
        return revoked

    async def rotate(self, key_id: str) -> Created:
        """Creates a key like an active one. The old key works until it is revoked.

        Raises:
            ConflictError: no active key has this id.
            LogUnavailableError: the log's server does not answer.
        """
        found = await self._active(key_id)
        return await self.create(
            found.kind, name=found.name, origins=found.origins, rate=found.rate, question=found.question
        )

    async def _active(self, key_id: str) -> Key:
        for key in await self.read():
            if key.id == key_id and key.is_active:
                return key
        raise ConflictError(f"no active key has the id {key_id}: `tailrace keys list` shows them")

    async def _read(self) -> tuple[list[Key], int]:
        found, last = await read_value(self._client, ACCESS_BUCKET, KEYS)
        return msgspec.json.decode(found or b"[]", type=list[Key]), last

    async def _change(self, change: Callable[[list[Key]], list[Key]]) -> None:
        for _ in range(_TRIES):
            keys, last = await self._read()
            if await write_value(self._client, ACCESS_BUCKET, KEYS, msgspec.json.encode(change(keys)), last):
                return
        raise ConflictError("other processes keep changing the keys: try again")


async def seed_keys(client: LogClient, settings: Settings) -> list[Key]:
    """Stores the keys that the settings give; returns the new ones.

    Raises:
        ConfigurationError: a key is too short.
        LogUnavailableError: the log's server does not answer.
    """
    store = KeyStore(client)
    given: list[tuple[Kind, str | None]] = [("write", settings.write_key), ("read", settings.read_key)]
    found = [await store.seed(kind, text) for kind, text in given if text]
    return [key for key in found if key is not None]


async def watch_keys(store: KeyStore, ring: KeyRing) -> None:
    """Updates ``ring`` every second until it is cancelled. While the server is away, the last known keys stay."""
    while True:
        await asyncio.sleep(POLL_INTERVAL)
        try:
            ring.replace(await store.read())
        except TailraceError as error:
            logger.debug("keys could not be read: %s", error)


def authorization(text: str | None) -> dict[str, str]:
    """Returns the headers that send a key; none without a key."""
    return {"Authorization": f"Bearer {text}"} if text else {}


def question_of(path: str, query: str) -> str:
    """Returns a path and its query in one form, whatever the order of the parameters."""
    return f"{path}?{urlencode(sorted(parse_qsl(query, keep_blank_values=True)))}"


def hash_of(text: str) -> str:
    """Returns the SHA-256 of a key's text. Keys are random, so a slow hash would add nothing."""
    return hashlib.sha256(text.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

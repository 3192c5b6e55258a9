"""Sessions of the web page, and tickets for WebSockets of other origins.

A session is a signed cookie: any process can check it, and revoking its key ends it. A ticket is one message in the
bucket, which the first connection uses up.
"""

import hmac
import secrets
import time
from hashlib import sha256

import msgspec

from contracts.subjects import ACCESS_BUCKET, ACCESS_STREAM
from runtime.access.keys import Key, KeyRing
from runtime.log.client import LogClient

COOKIE = "tailrace_session"
SESSION_LIFETIME = 12 * 3600
TICKET_LIFETIME = 30
"""Seconds."""
_TICKETS = f"$KV.{ACCESS_BUCKET}.tickets."


def new_session(key: Key) -> str:
    """Returns the cookie's value for a key's holder."""
    expires = str(int(time.time()) + SESSION_LIFETIME)
    return f"{key.id}.{expires}.{_signature(key, expires)}"


def key_of_session(cookie: str, ring: KeyRing) -> Key | None:
    """Returns the key of a valid session; None if the session is forged or expired, or its key is revoked."""
    key_id, _, rest = cookie.partition(".")
    expires, _, signature = rest.partition(".")
    key = ring.get(key_id)
    if key is None or not expires.isdecimal() or len(expires) > 12 or int(expires) < time.time():
        return None
    return key if hmac.compare_digest(signature.encode(), _signature(key, expires).encode()) else None


def _signature(key: Key, expires: str) -> str:
    # only the key's holder and the services know the hash
    return hmac.new(key.hash.encode(), f"session {key.id} {expires}".encode(), sha256).hexdigest()


def _ttl() -> dict[str, str]:
    return {"Nats-TTL": f"{TICKET_LIFETIME}s"}


class Tickets:
    """Single-use tickets, valid for 30 s on any process."""

    def __init__(self, client: LogClient) -> None:
        self._client = client

    async def issue(self, key: Key) -> str:
        """Returns a new ticket.

        Raises:
            LogUnavailableError: the log's server does not answer.
        """
        ticket = secrets.token_urlsafe(24)
        value = msgspec.json.encode({"key": key.id, "expires": time.time() + TICKET_LIFETIME})
        await self._client.request(_TICKETS + ticket, value, _ttl())
        return ticket

    async def redeem(self, ticket: str, ring: KeyRing) -> Key | None:
        """Uses a ticket up; returns its key, or None if the ticket is unknown, used or expired.

        Raises:
            LogUnavailableError: the log's server does not answer.
        """
        if not 30 <= len(ticket) <= 40 or not ticket.replace("-", "").replace("_", "").isalnum():
            return None
        subject = _TICKETS + ticket
        found = await self._client.request(
            f"$JS.API.DIRECT.GET.{ACCESS_STREAM}", msgspec.json.encode({"last_by_subj": subject})
        )
        if found.status or not found.payload:
            return None
        # of several connections with one ticket, the first replaces it
        expected = {"Nats-Expected-Last-Subject-Sequence": found.headers["Nats-Sequence"], **_ttl()}
        used = await self._client.request(subject, b"", expected)
        if b'"error"' in used.payload:
            return None
        value = msgspec.json.decode(found.payload)
        return ring.get(value["key"]) if value["expires"] >= time.time() else None

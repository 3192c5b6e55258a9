"""Addresses of the log's servers, and the time each server gets to answer."""

import re
from typing import NamedTuple
from urllib.parse import unquote

REPLIES = "_TAILRACE"
"""First token of reply subjects. Clients of other programs use `_INBOX`, which permissions can't separate by user."""
SERVER_TIMEOUT = 2.0
"""Seconds until a server has to accept a connection, before the next server is tried."""
PING_INTERVAL = 5.0
"""Seconds between pings: a machine that hangs, or is gone, does not close its connections."""
MAX_PINGS = 2
"""Unanswered pings after which a connection counts as lost. Another server is connected after 10 to 15 s in all."""


class Address(NamedTuple):
    """Addresses of the log's servers, and the user; "" if the address names none.

    The user is separate, since a cluster announces further servers by addresses without a user.
    """

    servers: list[str]
    user: str
    password: str

    @property
    def inbox_prefix(self) -> str:
        """Returns the subject below which this user's replies arrive.

        Each user has its own, so that permissions can keep users from reading each other's replies.
        """
        is_token = re.fullmatch(r"[A-Za-z0-9_-]+", self.user)
        return f"{REPLIES}.{self.user}" if is_token else "_INBOX"


def read_address(url: str) -> Address:
    """Parses an address of one server, or of several with commas; the user is that of the first."""
    servers: list[str] = []
    user = password = ""
    for one in filter(None, (part.strip() for part in url.split(","))):
        scheme, separator, rest = one.rpartition("://")
        credentials, at, host = rest.rpartition("@")
        name, colon, secret = credentials.partition(":")
        if at and colon:
            user, password = user or unquote(name), password or unquote(secret)
            one = f"{scheme}{separator}{host}"
        servers.append(one)
    return Address(servers, user, password)


def shown_address(url: str) -> str:
    """Returns an address for messages, without users and passwords."""
    return ",".join(f"{scheme}{mark}{rest.rpartition('@')[2]}" for scheme, mark, rest in _parts(url))


def _parts(url: str) -> list[tuple[str, str, str]]:
    return [one.partition("://") if "://" in one else ("", "", one) for one in url.split(",")]

"""Where the log's servers are, and how long one of them is waited for."""

from typing import NamedTuple
from urllib.parse import unquote

SERVER_TIMEOUT = 2.0
"""Seconds one server has to answer who connects, before the next is asked."""
PING_INTERVAL = 5.0
"""Seconds between two looks whether the server is still there: one whose machine hangs or is gone makes no noise."""
MAX_PINGS = 2
"""Looks without an answer after which a connection is given up: with another server, 10 to 15 s in all."""


class Address(NamedTuple):
    """Where the log's servers are, and as whom to connect; "" where the address names nobody.

    Apart, because servers of a cluster tell of others, in whose addresses there is no user.
    """

    servers: list[str]
    user: str
    password: str


def read_address(url: str) -> Address:
    """Takes an address apart: of one server or several, with commas; the user is the first one's."""
    servers: list[str] = []
    user = password = ""
    for one in filter(None, (part.strip() for part in url.split(","))):
        scheme, mark, rest = one.rpartition("://")
        who, at, where = rest.rpartition("@")
        name, colon, secret = who.partition(":")
        if at and colon:
            user, password = user or unquote(name), password or unquote(secret)
            one = f"{scheme}{mark}{where}"
        servers.append(one)
    return Address(servers, user, password)


def shown_address(url: str) -> str:
    """A server's address (or several, with commas) without the user and password it may carry: for messages."""
    return ",".join(f"{scheme}{mark}{rest.rpartition('@')[2]}" for scheme, mark, rest in _parts(url))


def _parts(url: str) -> list[tuple[str, str, str]]:
    return [one.partition("://") if "://" in one else ("", "", one) for one in url.split(",")]

"""Decides how a service lets requests in, from its settings and the stored keys."""

from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, NamedTuple

from contracts.errors import ConfigurationError, UnavailableError
from runtime.access.foreign_pages import PagePolicy
from runtime.access.guard import Access, Rules
from runtime.access.keys import KeyRing, KeyStore, watch_keys
from runtime.access.sessions import Tickets
from runtime.log.client import LogClient
from runtime.settings import Settings


class Opened(NamedTuple):
    """How requests are let in, and the task that keeps the keys current; None if no keys are needed."""

    access: Access
    watch: Coroutine[Any, Any, None] | None


def needs_keys(settings: Settings) -> bool:
    """Whether a service with these settings asks for keys: beyond loopback always, unless it is declared insecure.

    Raises:
        ConfigurationError: the settings contradict each other.
    """
    if settings.insecure and settings.require_keys:
        raise ConfigurationError("TAILRACE_INSECURE and TAILRACE_REQUIRE_KEYS exclude each other: unset one")
    if settings.insecure or settings.require_keys:
        return settings.require_keys
    try:
        return not ip_address(settings.host).is_loopback
    except ValueError:
        return settings.host != "localhost"


async def open_access(settings: Settings, rules: Rules, log: LogClient | None) -> Opened:
    """Reads the keys if the service needs any. If the log does not answer, requests get 503 until it does.

    Raises:
        ConfigurationError: the service needs keys and there are none, or an allowed host or origin is malformed.
    """
    pages = PagePolicy.from_settings(settings)
    if log is None or not needs_keys(settings):
        return Opened(Access(pages, rules), None)
    store, ring = KeyStore(log), KeyRing()
    try:
        ring.replace(await store.read())
    except UnavailableError:
        ring.forget()
    else:
        if not ring:
            raise ConfigurationError(
                f"a service that listens on {settings.host} needs keys, and there are none: create them with "
                "`tailrace keys create write` and `tailrace keys create read`, set TAILRACE_WRITE_KEY and "
                "TAILRACE_READ_KEY for `tailrace migrate`, or set TAILRACE_INSECURE=true to serve without keys"
            )
    return Opened(Access(pages, rules, ring, Tickets(log)), watch_keys(store, ring))

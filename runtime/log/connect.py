"""Connects to the log's server."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import nats

from contracts.errors import ConfigurationError, LogUnavailableError
from runtime.log.addresses import MAX_PINGS, PING_INTERVAL, SERVER_TIMEOUT, Address, read_address, shown_address
from runtime.log.client import LogClient
from runtime.log.errors import UNREACHABLE, PermissionErrors
from runtime.settings import Settings

RECOVERY: dict[str, Any] = {
    "ping_interval": PING_INTERVAL,
    "max_outstanding_pings": MAX_PINGS,
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.2,
}
"""nats-py's options by which a connection notices that its server is gone, and finds one again."""
CONNECT_TIMEOUT = 5.0
"""Seconds for a first connection; more if there are many servers, since each gets its time."""


async def connect_log(settings: Settings, name: str) -> LogClient:
    """Connects to the log's server of the settings; raises the errors of ``security`` and ``connect_nats``."""
    return await connect_nats(settings.nats_url, name, **security(settings))


def security(settings: Settings) -> dict[str, Any]:
    """Returns nats-py's options for the certificate authority and the credentials of the settings.

    Raises:
        ConfigurationError: one of the files can't be used.
    """
    options: dict[str, Any] = {}
    try:
        if settings.nats_ca is not None:
            options["tls"] = ssl.create_default_context(cadata=Path(settings.nats_ca).read_text())
        if settings.nats_creds is not None:
            Path(settings.nats_creds).read_bytes()
            options["user_credentials"] = settings.nats_creds
    except OSError as error:
        raise ConfigurationError(f"a file of TAILRACE_NATS_CA or TAILRACE_NATS_CREDS can't be used: {error}") from None
    return options


async def connect_nats(url: str, name: str, **options: Any) -> LogClient:
    """Connects to a NATS server. The connection reconnects by itself, without a limit.

    Raises:
        LogUnavailableError: no server answers at ``url``.
    """
    address = read_address(url)
    permissions = PermissionErrors(address.user)
    timeout = connect_timeout(address)
    failures: list[Exception] = []

    async def note(error: Exception) -> None:
        if not failures:
            failures.append(error)
        await permissions.note(error)

    try:
        # with unlimited reconnects, nats-py retries the first connection without a limit, too
        async with asyncio.timeout(timeout):
            connection = await nats.connect(
                address.servers,
                user=address.user or None,
                password=address.password or None,
                name=name,
                inbox_prefix=address.inbox_prefix,
                error_cb=note,
                **{"connect_timeout": SERVER_TIMEOUT, **RECOVERY, **options},
            )
    except UNREACHABLE as error:
        raise unreachable(url, failures[0] if failures else error, timeout) from error
    return LogClient(connection, permissions=permissions)


def unreachable(url: str, error: Exception, timeout: float) -> LogUnavailableError:
    """Returns the error for an address at which no server answers."""
    reason = str(error) or f"no connection within {timeout:g} s"
    return LogUnavailableError(
        f"no NATS server answers at {shown_address(url)}: {reason}; start it, or set its address with TAILRACE_NATS_URL"
    )


def connect_timeout(address: Address) -> float:
    """Returns the seconds in which each of several servers can be tried."""
    return max(CONNECT_TIMEOUT, (len(address.servers) + 1) * SERVER_TIMEOUT)

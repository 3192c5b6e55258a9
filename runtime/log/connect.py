"""Connects to the log's server."""

import asyncio
from typing import Any

import nats

from contracts.errors import LogUnavailableError
from runtime.log.addresses import MAX_PINGS, PING_INTERVAL, SERVER_TIMEOUT, Address, read_address, shown_address
from runtime.log.client import LogClient
from runtime.log.errors import UNREACHABLE, PermissionErrors
from runtime.settings import Settings

CONNECT_TIMEOUT = 5.0
"""Seconds for a first connection; more if there are many servers, since each gets its time."""


async def connect_log(settings: Settings, name: str) -> LogClient:
    """Connects to the log's server of the settings; raises the errors of ``connect_nats``."""
    return await connect_nats(settings.nats_url, name)


async def connect_nats(url: str, name: str, **options: Any) -> LogClient:
    """Connects to a NATS server. The connection reconnects by itself, without a limit.

    Raises:
        LogUnavailableError: no server answers at ``url``.
    """
    address = read_address(url)
    permissions = PermissionErrors(address.user)
    timeout = connect_timeout(address)
    try:
        # with unlimited reconnects, nats-py retries the first connection without a limit, too
        async with asyncio.timeout(timeout):
            connection = await nats.connect(
                address.servers,
                user=address.user or None,
                password=address.password or None,
                name=name,
                inbox_prefix=address.inbox_prefix,
                error_cb=permissions.note,
                connect_timeout=SERVER_TIMEOUT,
                ping_interval=PING_INTERVAL,
                max_outstanding_pings=MAX_PINGS,
                reconnect_time_wait=0.2,
                **{"max_reconnect_attempts": -1, "allow_reconnect": True, **options},
            )
    except UNREACHABLE as error:
        reason = str(error) or f"no connection within {timeout:g} s"
        raise LogUnavailableError(
            f"no NATS server answers at {shown_address(url)}: {reason}; start it, or set its address with "
            "TAILRACE_NATS_URL"
        ) from error
    return LogClient(connection, permissions=permissions)


def connect_timeout(address: Address) -> float:
    """Returns the seconds in which each of several servers can be tried."""
    return max(CONNECT_TIMEOUT, (len(address.servers) + 1) * SERVER_TIMEOUT)

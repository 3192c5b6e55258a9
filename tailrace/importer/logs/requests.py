"""Web requests, as every format of access log has them, and the events that they become."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from contracts.events import IncomingEvent, complete_event
from tailrace.importer.logs.clients import agent_of, domain_of, is_asset

EVENT_TYPE = "http_request"


class Request(NamedTuple):
    """A request. What a log does not have is None; ``host`` is the virtual host, ``request`` what is not HTTP."""

    address: str
    at: datetime
    method: str | None
    path: str | None
    protocol: str | None
    status: int | None
    bytes: int
    referrer: str | None
    agent: str | None
    host: str | None = None
    request: str | None = None


def encode_request(request: Request, new_id: Callable[[], UUID]) -> bytes:
    """Returns a request's event as one line of JSON.

    ``event_type`` is ``http_request``; ``user_id`` is the client's address, which the command service hashes, and is
    missing if the log has "-". ``event_data`` has ``method``, ``path``, ``protocol``, ``status``, ``bytes``,
    ``referrer`` and ``agent``, or null, and ``host`` if the log has it; from these, ``asset`` (a file that pages load),
    ``browser``, ``bot`` and ``referrer_domain``.

    Raises:
        EventRejectedError: with a code and a reason.
    """
    address, at, method, path, protocol, status, size, referrer, agent, host, no_http = request
    data: dict[str, str | int | None] = {
        "method": method,
        "path": path,
        "protocol": protocol,
        "status": status,
        "bytes": size,
        "referrer": referrer,
        "agent": agent,
    }
    data["asset"] = is_asset(path)
    data["browser"], data["bot"] = agent_of(agent)
    data["referrer_domain"] = domain_of(referrer)
    if host is not None:
        data["host"] = host
    if no_http is not None:
        data["request"] = no_http
    event = IncomingEvent(
        event_type=EVENT_TYPE,
        user_id=None if address in ("", "-") else plain_address(address),
        event_data=Raw(msgspec.json.encode(data)),
        created_at=at,
        event_id=new_id(),
    )
    payload = msgspec.json.encode(event)
    complete_event(payload, now=datetime.now(UTC), new_id=new_id)  # validates it
    return payload


def plain_address(address: str) -> str:
    """Returns an address in lower case, without brackets and without the prefix of IPv4 in IPv6."""
    if ":" not in address:
        return address
    address = address.strip("[]").lower()
    return address.removeprefix("::ffff:") if "." in address else address


def without_port(client: str) -> str:
    """Returns the address of ``address:port`` or ``[address]:port``; an address without a port stays."""
    if ":" not in client:
        return client
    head, _, port = client.rpartition(":")
    return head if port.isdigit() and ("]" in head or head.count(":") == 0) and head else client

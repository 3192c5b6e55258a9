"""Sends events to Tailrace.

``Client`` queues events and sends them in the background: call it from any thread, in any web framework.
``AsyncClient`` has the same methods for asyncio.

    from tailrace_client import Client

    client = Client("http://localhost:8081")
    client.send("order.completed", user_id=123, data={"amount": {"cents": 1250}})
"""

from tailrace_client.client import AsyncClient, Client
from tailrace_client.errors import ClientClosedError, RefusedError, TailraceClientError, UnavailableError
from tailrace_client.events import Rejection

__all__ = [
    "AsyncClient",
    "Client",
    "ClientClosedError",
    "RefusedError",
    "Rejection",
    "TailraceClientError",
    "UnavailableError",
]

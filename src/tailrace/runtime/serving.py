"""Running an ASGI app until it is told to stop, or until something it can't do without has failed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvicorn

from tailrace.contracts.errors import ConfigurationError

GRACE = 2
"""Seconds that open requests and sockets get at shutdown; everything has to be down in 5."""


async def serve_http(
    app: Callable[..., Awaitable[None]],
    *,
    host: str,
    port: int,
    background: "list[Coroutine[Any, Any, None]] | None" = None,
    on_stop: Callable[[], None] | None = None,
) -> None:
    """Serves ``app`` until SIGINT or SIGTERM, or until one of ``background`` ends with an error, which is then raised.

    ``on_stop`` runs as the stop begins, before uvicorn waits for open sockets: to end streams that never end.

    Raises:
        ConfigurationError: the port can't be had.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="on",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GRACE,
            server_header=False,
        ),
        on_stop,
    )
    tasks = [asyncio.create_task(coroutine) for coroutine in background or []]
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    except SystemExit:
        if not server.started:
            raise ConfigurationError(
                f"{host}:{port} can't be listened on: the port is taken or start-up failed"
            ) from None
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: Any = None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)

"""Compresses answers with Brotli for clients that accept it, else with gzip; streams are sent as they are."""

import asyncio

import brotli
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware, IdentityResponder
from starlette.types import Receive, Scope, Send

_QUALITY = 5
"""About as fast as gzip at 6, and smaller."""
_IN_THREAD_FROM = 128 * 1024
"""Bytes. Compressing more would hold up other requests."""


class BrotliResponder(IdentityResponder):
    """Compresses the body of one answer."""

    content_encoding = "br"
    _compressor: "brotli.Compressor | None" = None

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """Returns the compressed part of a body; the last part ends it."""
        if self._compressor is None:
            self._compressor = brotli.Compressor(quality=_QUALITY)
        if len(body) >= _IN_THREAD_FROM:
            return await asyncio.to_thread(self._compress, body, more_body)
        return self._compress(body, more_body)

    def _compress(self, body: bytes, more_body: bool) -> bytes:
        assert self._compressor is not None
        start: bytes = self._compressor.process(body)
        end: bytes = self._compressor.flush() if more_body else self._compressor.finish()
        return start + end


class CompressionMiddleware(GZipMiddleware):
    """Chooses the compression of each answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "http" and _accepts_brotli(Headers(scope=scope).get("accept-encoding", "")):
            await BrotliResponder(self.app, self.minimum_size)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _accepts_brotli(accepted: str) -> bool:
    for one in accepted.split(","):
        name, _, weight = one.partition(";")
        if name.strip().lower() == "br":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

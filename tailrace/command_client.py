"""Sends batches of events to the command service, with retries.

A retry is safe: every event has its id, and counts once in the log and the tables.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx
import msgspec
import stamina
from msgspec import Struct

from contracts.errors import ConfigurationError, TailraceError, UnavailableError
from runtime.access.keys import authorization

RETRY_TIMEOUT = 60.0
"""Seconds to retry one batch: longer than a restart of the command service or the log."""

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_LONGEST_RETRY_AFTER = 30.0
_ANSWERED = {202, 207, 422}
_RETRIED = {429, 500, 502, 503, 504}


class Refusal(Struct, frozen=True):
    """An event that can never be accepted; ``index`` counts the sent events from 0."""

    index: int
    code: str
    message: str


class Answer(Struct, frozen=True):
    """``accepted`` events are in the log, duplicates included; ``cursor`` is the last one's, or None."""

    accepted: int
    rejected: list[Refusal]
    cursor: str | None = None


class CommandUnavailableError(UnavailableError):
    """The command service can't accept events now: retry, after ``retry_after`` seconds if it is set."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CommandClient:
    """A connection to the command service, as an async context manager. Batches can be sent concurrently.

    ``key`` is a write key. ``retry_timeout`` limits the retries of one batch, in seconds; ``on_retry`` gets the error
    before each retry.

    Raises:
        ConfigurationError: ``url`` is not an http(s) address.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        retry_timeout: float = RETRY_TIMEOUT,
        on_retry: Callable[[CommandUnavailableError], None] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._retry_timeout = retry_timeout
        self._on_retry = on_retry
        try:
            parsed = httpx.URL(self._url)
        except httpx.InvalidURL:
            parsed = httpx.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigurationError(f"{url!r} is not the address of a command service: expected http://host:port")
        # trust_env=False: a proxy for the internet must not receive internal events
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, headers=authorization(key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, events: Sequence[bytes]) -> Answer:
        """Sends one or more events, each a line of JSON with its ``event_id``.

        Raises:
            CommandUnavailableError: the retries timed out; some of the events may be in the log.
            TailraceError: the service refuses the whole request.
        """
        response = await self._post(b"\n".join(events) + b"\n")
        if response.status_code in _ANSWERED:
            try:
                return msgspec.json.decode(response.content, type=Answer)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise TailraceError(
                    f"the server at {self._url} is not a command service: check TAILRACE_COMMAND_URL"
                ) from None
        if response.status_code == 413:
            return await self._send_parts(events)
        raise TailraceError(f"the command service at {self._url} refused the request: {_reason(response)}")

    async def _send_parts(self, events: Sequence[bytes]) -> Answer:
        if len(events) == 1:
            return Answer(0, [Refusal(0, "too_large", "the event exceeds the command service's limit")])
        middle = len(events) // 2
        first = await self.send(events[:middle])
        second = await self.send(events[middle:])
        rejected = [Refusal(refusal.index + middle, refusal.code, refusal.message) for refusal in second.rejected]
        return Answer(first.accepted + second.accepted, first.rejected + rejected, second.cursor or first.cursor)

    async def _post(self, body: bytes) -> httpx.Response:
        retries = stamina.retry_context(
            on=self._retry_delay,
            attempts=None,
            timeout=self._retry_timeout,
            wait_initial=0.2,
            wait_max=2,
            wait_jitter=0.2,
        )
        try:
            async for attempt in retries:
                with attempt:
                    return await self._post_once(body)
        except CommandUnavailableError as error:
            raise CommandUnavailableError(
                f"{error}; gave up after {self._retry_timeout:g} s", error.retry_after
            ) from None
        raise AssertionError("unreachable")

    async def _post_once(self, body: bytes) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"}
        try:
            response = await self._http.post(f"{self._url}/events", content=body, headers=headers)
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise CommandUnavailableError(
                f"the command service at {self._url} does not answer: {reason} "
                "(start it with `tailrace up`, or set its address with TAILRACE_COMMAND_URL)"
            ) from error
        if response.status_code in _RETRIED:
            raise CommandUnavailableError(
                f"the command service at {self._url} can't accept events now: {_reason(response)}",
                _retry_after(response),
            )
        return response

    def _retry_delay(self, error: Exception) -> bool | float:
        if not isinstance(error, CommandUnavailableError):
            return False
        if self._on_retry is not None:
            self._on_retry(error)
        return True if error.retry_after is None else error.retry_after


def _retry_after(response: httpx.Response) -> float | None:
    # the other form, a date, falls back to our own delays
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else None


class _Problem(Struct):
    detail: str


def _reason(response: httpx.Response) -> str:
    try:
        return f"{msgspec.json.decode(response.content, type=_Problem).detail} (HTTP {response.status_code})"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"HTTP {response.status_code} {response.reason_phrase}".rstrip()

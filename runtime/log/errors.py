"""Errors of JetStream and of the connection to it."""

import asyncio
import re
from typing import Any

import nats.errors
import nats.js.errors

from contracts.errors import LogUnavailableError, TailraceError

UNREACHABLE = (nats.errors.Error, nats.js.errors.Error, OSError, asyncio.TimeoutError)
"""What nats-py raises if the server can't be reached or does not answer."""

_UNAVAILABLE = 503
_STREAM_NOT_FOUND = 10059
_MAY_PASS = {
    10005,  # no suitable peers: servers of the cluster have not joined yet
    10006,  # not in clustered mode, yet
    10007,  # not assigned to this server
    10009,  # not the leader
    10012,  # a consumer could not be created
    10028,  # no memory left
    10041,  # Raft
    10047,  # no storage left
    10118,  # the stream is offline
    10119,  # the consumer is offline
}
"""Error codes without HTTP's 503 that also describe the server's present state, not the request."""
_PUBLISH = re.compile(r'permissions violation for publish to "([^"]+)"', re.IGNORECASE)


class JetStreamApiError(TailraceError):
    """JetStream refuses a request, and would refuse it again: stop and show the message.

    ``err_code`` is JetStream's stable number.
    """

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(f"the log's server refused: {description} (JetStream error {err_code})")
        self.err_code = err_code
        self.description = description


class JetStreamUnavailableError(LogUnavailableError):
    """JetStream can't serve a request at present, such as without a leader or without enough peers: retry.

    ``err_code`` is JetStream's stable number.
    """

    def __init__(self, err_code: int, description: str) -> None:
        super().__init__(f"the log's server can't do this now: {description} (JetStream error {err_code})")
        self.err_code = err_code


class StreamMissingError(LogUnavailableError):
    """The stream does not exist: run `tailrace migrate`. A service that does not create streams waits for it."""


def api_error(error: dict[str, Any], endpoint: str) -> TailraceError:
    """Returns the error for the ``error`` object of JetStream's answer to a request."""
    err_code, description = error.get("err_code", 0), error.get("description", "unknown")
    if err_code == _STREAM_NOT_FOUND:
        return StreamMissingError(f"the stream of {endpoint} does not exist")
    if error.get("code") == _UNAVAILABLE or err_code in _MAY_PASS:
        return JetStreamUnavailableError(err_code, description)
    return JetStreamApiError(err_code, description)


class PermissionErrors:
    """The subjects that a connection's user may not publish to.

    The server reports a violation apart from any answer; the request itself only times out.
    """

    def __init__(self, user: str = "") -> None:
        self._user = user
        self._subjects: set[str] = set()

    async def note(self, error: Exception) -> None:
        """Records an error that nats-py reports of its connection."""
        if found := _PUBLISH.search(str(error)):
            self._subjects.add(found[1].lower())  # nats-py lowers the server's text

    def sentence(self, subject: str) -> str | None:
        """Returns why a request to ``subject`` got no answer, if a violation is the cause."""
        if subject.lower() not in self._subjects:
            return None
        user = f'"{self._user}" ' if self._user else ""
        return f"the log's user {user}is not allowed to use {subject}"

"""What can go wrong when events are sent."""


class TailraceClientError(Exception):
    """Every error of this package."""


class UnavailableError(TailraceClientError):
    """The command service does not answer or accepts nothing now: a retry may succeed."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the next attempt, if the service names them."""


class RefusedError(TailraceClientError):
    """The command service refuses the whole request, for example because of its key: a retry can't succeed."""


class ClientClosedError(TailraceClientError):
    """The client is closed and accepts no events."""

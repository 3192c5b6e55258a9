"""Errors of the read side. Each class carries the HTTP status and title of its problem+json answer."""

from typing import ClassVar

from contracts.errors import TailraceError


class QueryError(TailraceError):
    """A request cannot be answered; the client receives the message as a problem's ``detail``."""

    status: ClassVar[int]
    title: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds after which the client should try again; None: the same request fails again."""


class BadParameterError(QueryError):
    """A parameter is invalid, or does not fit the data: correct the request."""

    status = 422
    title = "Bad parameter"


class QueryTimeoutError(QueryError):
    """The database did not answer within the time limit: ask for less."""

    status = 504
    title = "Took too long"

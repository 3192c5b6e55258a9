"""Errors, named by what whoever meets them does next.

Every message is one sentence that can be shown to a person as it is.
"""


class TailraceError(Exception):
    """Something a person has to know; the message says what and what to do."""


class ConfigurationError(TailraceError):
    """A setting, an address or an argument is wrong: stop and show it."""


class EventRejectedError(TailraceError):
    """The event can never be accepted as it is: tell its sender, keep it with the reason, go on with the next.

    ``code`` is a stable word for machines, ``message`` a sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BadCursorError(TailraceError):
    """The text is not a cursor: tell its sender."""


class LogUnavailableError(TailraceError):
    """The log did not answer: nothing was promised, try again."""


class LogFullError(LogUnavailableError):
    """The log refuses new events because a limit is reached: nothing was promised, make room, try again."""


class ForeignHistoryError(TailraceError):
    """The log is not the one this position was taken from: stop, never go on.

    ``what`` is what was found, without ``advice``, which is for those who run the log.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what}; {advice}" if advice else what)
        self.what = what


class LogHoleError(TailraceError):
    """Messages ``first`` to ``last`` (sequences, inclusive) are gone from the log: stop and say so."""

    def __init__(self, first: int, last: int, message: str) -> None:
        super().__init__(message)
        self.first = first
        self.last = last


class SchemaError(TailraceError):
    """The database's schema is not the one this program works with: stop and show it."""


class TooManyParkedError(TailraceError):
    """So much of a stretch can't be projected that something else is wrong: stop the line."""

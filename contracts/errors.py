"""Errors, named by what the caller does next.

Every message is a sentence that can be shown as it is: what happened, the value, and what to do.
"""


class TailraceError(Exception):
    """Base of all errors that are reported without a traceback: stop and show the message."""


class UnavailableError(TailraceError):
    """A server did not answer or is overloaded. Nothing was promised: retry."""


class LogUnavailableError(UnavailableError):
    """The log did not answer: retry."""


class LogFullError(LogUnavailableError):
    """The log reached a limit and refuses new events: make room, then retry."""


class ConfigurationError(TailraceError):
    """A setting, an address or an argument is wrong: stop, show the message, correct it."""


class ConflictError(TailraceError):
    """Another process, or the state of the log, the database or the machine, rules the request out.

    Stop and show the message. The same request can succeed once that state has changed.
    """


class LogLostError(ConflictError):
    """The log is gone, and the database was built from it: stop. An operator restores it or starts an empty one."""


class EventRejectedError(TailraceError):
    """The event can never be accepted as it is: tell its sender, store it with the reason, continue with the next.

    ``code`` is a stable word for machines, ``message`` a sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UserKeyError(TailraceError):
    """The id of a user that a string names can't be found, because the log's key is not known: tell its sender."""


class BadCursorError(TailraceError):
    """The text is not a cursor: tell its sender."""


class ForeignHistoryError(TailraceError):
    """The position belongs to another log: stop, never continue from it.

    ``what`` is what was found, without ``advice``, which is for the operators of the log.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what}; {advice}" if advice else what)
        self.what = what


class LostEntriesError(TailraceError):
    """Entries ``first`` to ``last`` (sequences, inclusive) are gone from the log: stop and show the message."""

    def __init__(self, first: int, last: int, message: str) -> None:
        super().__init__(message)
        self.first = first
        self.last = last


class SchemaError(TailraceError):
    """The database has another schema than this program: stop, then migrate it or run the matching version."""


class OldGenerationError(SchemaError):
    """The tables are of an earlier generation, which nothing converts: build new ones from the log."""


class TooManyParkedError(TailraceError):
    """Too many entries of a range can't be projected, so something else is wrong: stop and show the message."""

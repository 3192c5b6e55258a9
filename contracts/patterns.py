"""Patterns over event types, with the wildcards of NATS subjects: ``checkout.*``, ``checkout.>``, or an exact type.

Dots separate tokens. ``*`` matches one token; ``>``, as the last token, matches one or more.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

from contracts.errors import TailraceError
from contracts.events import MAX_EVENT_TYPE
from contracts.subjects import EVENTS_PREFIX, subject_of

_ONE, _REST = "*", ">"


class BadPatternError(TailraceError):
    """The text is not a pattern of event types: tell its sender."""


class TypePattern(NamedTuple):
    """A pattern over event types."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a pattern.

        Raises:
            BadPatternError: no event type can match it.
        """
        if not 1 <= len(text) <= MAX_EVENT_TYPE:
            raise BadPatternError(f"an event type has 1 to {MAX_EVENT_TYPE} characters")
        if not text.isprintable():
            raise BadPatternError("an event type has only printable characters")
        return cls(text)

    @property
    def is_exact(self) -> bool:
        """Whether the pattern has no wildcard."""
        return not self._wild

    @property
    def subject(self) -> str:
        """The subject filter for the same entries of the log."""
        return EVENTS_PREFIX + ".".join(
            token if wild else subject_of(token).removeprefix(EVENTS_PREFIX) for token, wild in self._tokens
        )

    def matches(self, event_type: str) -> bool:
        """Whether the pattern matches an event type."""
        if not self._wild:
            return event_type == self.text
        tokens = event_type.split(".")
        for number, (wanted, wild) in enumerate(self._tokens):
            if wild and wanted == _REST:
                return len(tokens) > number
            if number == len(tokens) or not (wild or wanted == tokens[number]):
                return False
        return len(tokens) == len(self._tokens)

    @property
    def _wild(self) -> bool:
        return any(wild for _, wild in self._tokens)

    @property
    def _tokens(self) -> list[tuple[str, bool]]:
        tokens = self.text.split(".")
        last = len(tokens) - 1
        return [(token, token == _ONE or (token == _REST and number == last)) for number, token in enumerate(tokens)]


def matching(patterns: Collection[TypePattern], event_types: Iterable[str]) -> list[str]:
    """Returns the event types that any of the patterns matches."""
    return [event_type for event_type in event_types if any(pattern.matches(event_type) for pattern in patterns)]


def subject_filters(patterns: Collection[TypePattern]) -> list[str]:
    """Returns the patterns as subject filters of one consumer; [] if they overlap or are more than ``MAX_FILTERS``."""
    wanted = {pattern.subject for pattern in patterns}
    kept = sorted(one for one in wanted if not any(_covers(other, one) for other in wanted if other != one))
    overlapping = any(_overlap(one, other) for number, one in enumerate(kept) for other in kept[:number])
    return [] if overlapping or len(kept) > MAX_FILTERS else kept


MAX_FILTERS = 32
"""Subject filters that one consumer can have."""


def _covers(wider: str, subject: str) -> bool:
    """Whether the filter ``wider`` matches every subject that the filter ``subject`` matches."""
    wide, narrow = wider.split("."), subject.split(".")
    if wide[-1] == _REST:
        if len(narrow) < len(wide):
            return False
        wide, narrow = wide[:-1], narrow[: len(wide) - 1]
    elif len(wide) != len(narrow) or narrow[-1] == _REST:
        return False
    return all(one == _ONE or (one == other and other != _REST) for one, other in zip(wide, narrow, strict=True))


def _overlap(one: str, other: str) -> bool:
    """Whether both filters match some subject."""
    tokens, others = one.split("."), other.split(".")
    for number, (token, counterpart) in enumerate(zip(tokens, others, strict=False)):
        if _REST in (token, counterpart):
            return len(tokens) > number and len(others) > number
        if _ONE not in (token, counterpart) and token != counterpart:
            return False
    return len(tokens) == len(others)

"""Patterns over event types, with the wildcards of NATS subjects."""

from collections.abc import Callable, Iterable, Sequence

from tailrace.declared.errors import refuse

MAX_PATTERN = 128
"""Characters of a pattern, as of an event type."""


def check_events(owner: str, events: object) -> tuple[str, ...]:
    """Returns the patterns of ``events``; ``*`` in place of all of them becomes ``>``, which matches every type.

    Raises:
        DefinitionError: it is not a list of patterns.
    """
    if isinstance(events, str) or not isinstance(events, Sequence) or not events:
        refuse(owner, "events", f'{events!r} must be a list of event types or patterns, such as ["cart.*"]')
    for text in events:
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_PATTERN or not text.isprintable():
            refuse(owner, "events", f"{text!r} must be 1 to {MAX_PATTERN} printable characters")
    return tuple(dict.fromkeys(">" if text == "*" else text for text in events))


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Returns a function that says whether any of the patterns matches an event type; it remembers its answers."""
    split = [pattern.split(".") for pattern in patterns]
    known: dict[str, bool] = {}

    def matches(event_type: str) -> bool:
        found = known.get(event_type)
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            tokens = event_type.split(".")
            found = known[event_type] = any(_match(pattern, tokens) for pattern in split)
        return found

    return matches


_REMEMBERED = 10_000


def _match(pattern: Sequence[str], tokens: Sequence[str]) -> bool:
    if pattern[-1] == ">":
        pattern = pattern[:-1]
        if len(tokens) <= len(pattern):
            return False
        tokens = tokens[: len(pattern)]
    return len(tokens) == len(pattern) and all(
        wanted in ("*", token) for wanted, token in zip(pattern, tokens, strict=True)
    )

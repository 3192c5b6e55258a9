"""Names in NATS: streams, subjects, and event types as subject tokens.

An event of type T is stored under ``analytics.events.<T>``. Dots in T separate tokens, so that subject filters such as
``analytics.events.checkout.*`` work in the server. Characters that a subject can't contain are percent-encoded.
"""

from urllib.parse import unquote

LOG_STREAM = "ANALYTICS"
INBOX_STREAM = "ANALYTICS_INBOX"
REJECTED_STREAM = "ANALYTICS_REJECTED"
ACCESS_BUCKET = "tailrace_access"
ACCESS_STREAM = f"KV_{ACCESS_BUCKET}"
"""The key-value bucket of keys and tickets, and its stream."""
USERS_BUCKET = "tailrace_users"
USERS_STREAM = f"KV_{USERS_BUCKET}"
"""The key-value bucket of the key of user ids, and its stream."""

EVENTS_PREFIX = "analytics.events."
EVENTS = EVENTS_PREFIX + ">"
INBOX = "analytics"
SUBMIT = "analytics.submit"
REJECTED_PREFIX = "analytics.rejected."
REJECTED = REJECTED_PREFIX + ">"

_SPECIAL = frozenset("*>%")


def subject_of(event_type: str) -> str:
    """Returns the log subject of an event type (1 or more printable characters)."""
    return EVENTS_PREFIX + ".".join(_encode_token(token) for token in event_type.split("."))


def event_type_of(subject: str) -> str:
    """Returns the event type of a log subject; the inverse of ``subject_of``."""
    return ".".join("" if token == "%" else unquote(token) for token in subject.removeprefix(EVENTS_PREFIX).split("."))


def _encode_token(token: str) -> str:
    if not token:
        return "%"  # a subject has no empty tokens, and no encoded character is a single %
    return "".join(
        char if "!" <= char <= "~" and char not in _SPECIAL else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in token
    )

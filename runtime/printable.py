"""Makes text from other people's events safe to print."""

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Returns ``text`` with control characters, line breaks and changes of direction as ``\u001b``.

    A terminal executes control characters. JSON stays the same JSON.
    """
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

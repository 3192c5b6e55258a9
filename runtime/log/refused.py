"""What the log's server does not allow: it says so apart from any answer, and the request itself just gets none."""

import re

_PUBLISH = re.compile(r'permissions violation for publish to "([^"]+)"', re.IGNORECASE)


class Refused:
    """Remembers what a connection's user was told that it may not publish to."""

    def __init__(self, user: str = "") -> None:
        self._user = user
        self._subjects: set[str] = set()

    async def note(self, error: Exception) -> None:
        """Takes an error that a library reports of its connection; every call reports its own failure."""
        if found := _PUBLISH.search(str(error)):
            self._subjects.add(found[1].lower())  # nats-py gives the server's words in small letters

    def sentence(self, subject: str) -> str | None:
        """Why a request on ``subject`` got no answer, if that is why."""
        if subject.lower() not in self._subjects:
            return None
        who = f'"{self._user}" ' if self._user else ""
        return f"the log's user {who}is not allowed to use {subject}"

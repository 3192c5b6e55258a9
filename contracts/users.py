"""User ids: an integer is kept as it is, any other text only as its keyed hash."""

from hashlib import blake2b

from contracts.errors import UserKeyError

MAX_USER_TEXT = 200
"""Characters of a user id that is a string."""
_INT64 = 2**63


class UserKey:
    """The key that turns strings into user ids. With it, a guess of a string can be tested."""

    def __init__(self, secret: bytes) -> None:
        """``secret`` is text of any length."""
        self._hash = blake2b(key=blake2b(secret).digest(), digest_size=8, person=b"tailrace user")
        self.fingerprint = blake2b(secret, digest_size=8, person=b"tailrace key").hexdigest()
        """Identifies the key without revealing it."""

    def hash(self, text: str) -> int:
        """Returns the id of a string: always negative, so that it never is the id of a numbered user."""
        found = self._hash.copy()
        found.update(text.encode())
        return int.from_bytes(found.digest()) % _INT64 - _INT64


def integer_id(text: str) -> int | None:
    """Returns the 64-bit integer that a text is, in its one form: ``123``, not ``0123`` or ``+1``; else None."""
    digits = text.removeprefix("-")
    if not 1 <= len(digits) <= 19 or not (digits.isascii() and digits.isdecimal()):
        return None
    number = int(text)
    return number if str(number) == text and -_INT64 <= number < _INT64 else None


def no_user_key(text: str) -> int:
    """Identifies users without a key: only those that have an integer.

    Raises:
        UserKeyError: the text is none.
    """
    number = integer_id(text)
    if number is None:
        raise UserKeyError("there is no key to turn strings into ids")
    return number

"""ETags: whether the answer that somebody has is still the answer, told without counting anything."""

import hashlib
from typing import Any

import msgspec

from query.stats.question import StatsQuestion


def make_etag(position: Any, question: StatsQuestion, salt: str) -> str:
    """Names the answer to a question at a position (a row of ``position.sql``). Weak: the lag is not part of it.

    The row's ``made_at`` tells a model from another one with the same position, as a fresh database may have it.
    ``salt`` is for what comes with a restart: another version of this program, other rules of a time zone.
    """
    asked = question.model_dump(exclude={"min_cursor", "settled"})
    named = msgspec.json.encode([salt, list(position.values()), asked])
    return f'W/"{hashlib.blake2b(named, digest_size=16).hexdigest()}"'


def is_named(etag: str, if_none_match: str | None) -> bool:
    """Whether a request's ``If-None-Match`` names this answer."""
    named = {one.strip() for one in (if_none_match or "").split(",")}
    return not named.isdisjoint({"*", etag, etag.removeprefix("W/")})

"""ETags: decide without counting whether a client already has the current answer."""

import hashlib
from typing import Any

import msgspec

from query.stats.question import StatsQuestion


def make_etag(position: Any, question: StatsQuestion, salt: str) -> str:
    """Returns the ETag of the answer to a question at a position (a row of ``position.sql``).

    It is weak because the lag is not part of it. ``made_at`` in the row separates two models with the same position,
    such as those of fresh databases. ``salt`` separates two runs of this program: a restart may bring another version
    or other time zone rules.
    """
    asked = question.model_dump(exclude={"min_cursor", "settled"})
    named = msgspec.json.encode([salt, list(position.values()), asked])
    return f'W/"{hashlib.blake2b(named, digest_size=16).hexdigest()}"'


def matches_etag(etag: str, if_none_match: str | None) -> bool:
    """Returns whether an ``If-None-Match`` header names this ETag."""
    named = {one.strip() for one in (if_none_match or "").split(",")}
    return not named.isdisjoint({"*", etag, etag.removeprefix("W/")})

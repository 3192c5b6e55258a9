"""Which events a client wants."""

from functools import lru_cache
from typing import NamedTuple

from contracts.patterns import TypePattern, subject_filters
from query.live.frames import Item


class Selection(NamedTuple):
    """No patterns mean every event type, no user everybody."""

    patterns: tuple[TypePattern, ...] = ()
    user_id: int | None = None

    @property
    def wants_all(self) -> bool:
        """Whether nothing is left out."""
        return not self.patterns and self.user_id is None

    @property
    def subjects(self) -> list[str]:
        """Subject filters with which the log's server passes over other event types; [] where it has to send all."""
        return subject_filters(self.patterns)

    def wants(self, item: Item) -> bool:
        """Whether an item is to be sent: what isn't an event might have been wanted, so it is."""
        if item.refusal:
            return True
        if self.user_id is not None and item.user_id != self.user_id:
            return False
        return not self.patterns or _matches(self.patterns, item.event_type)


EVERYTHING = Selection()


@lru_cache(10_000)
def _matches(patterns: tuple[TypePattern, ...], event_type: str) -> bool:
    return any(pattern.matches(event_type) for pattern in patterns)

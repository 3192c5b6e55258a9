"""Which events a client requested."""

from functools import lru_cache
from typing import NamedTuple, Self

from contracts.patterns import TypePattern, subject_filters
from query.errors import BadParameterError
from query.live.frames import Item
from query.live.requests import BadStreamRequestError, StreamRequest
from query.parameters import Identify, user_id_of


class Selection(NamedTuple):
    """Without patterns every event type is selected, without a user every user."""

    patterns: tuple[TypePattern, ...] = ()
    user_id: int | None = None

    @classmethod
    def of(cls, request: StreamRequest, identify: Identify) -> Self:
        """Returns the selection of a request.

        Raises:
            BadStreamRequestError: the user is a string, and the key of user ids is not known.
        """
        try:
            user = user_id_of(request.user_id, identify)
        except BadParameterError as error:
            raise BadStreamRequestError(str(error)) from None
        return cls(tuple(TypePattern.parse(text) for text in request.event_type), user)

    @property
    def selects_all(self) -> bool:
        """Whether every event is selected."""
        return not self.patterns and self.user_id is None

    @property
    def subjects(self) -> list[str]:
        """Subject filters that make the log's server skip other event types; [] if it must send all."""
        return subject_filters(self.patterns)

    def selects(self, item: Item) -> bool:
        """Returns whether an item is sent: always if it is not an event, because it may have been one."""
        if item.refusal:
            return True
        if self.user_id is not None and item.user_id != self.user_id:
            return False
        return not self.patterns or _matches(self.patterns, item.event_type)


EVERYTHING = Selection()


@lru_cache(10_000)
def _matches(patterns: tuple[TypePattern, ...], event_type: str) -> bool:
    return any(pattern.matches(event_type) for pattern in patterns)

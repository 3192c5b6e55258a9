"""The mock shop's events in order: users, types, data and times."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
from msgspec import Raw
from uuid_utils.compat import uuid7

from contracts.events import Event
from tailrace.producer.visits import Step, popular, visit

_RETURNING_USERS = range(1, 5_001)
_USERS_FLATNESS = 50
"""Keeps the most frequent user below half a percent of all visits."""
_VISITS_AT_ONCE = 100
_NEW_USER_SHARE = 0.08
_LATE_SHARE = 0.03
_LATEST = 120.0
_DAY_SWING = 0.3
_BUSIEST_HOUR = 19.0


def day_factor(time: datetime) -> float:
    """Returns the shop's traffic at that time of day (UTC), relative to the day's average: 0.7 to 1.3."""
    time = time.astimezone(UTC)
    hour = time.hour + time.minute / 60
    return 1 + _DAY_SWING * math.cos((hour - _BUSIEST_HOUR) / 24 * math.tau)


class EventSource(Iterator[Event]):
    """An endless sequence of events, ``rate`` per second on average over a day.

    With a ``seed``, ids and content are the same each time, for any start and rate; with the same start and rate, the
    times are too, so a repeated sequence adds nothing. Without a seed, ids are UUIDs of version 7.

    A few events are up to two minutes late, like those of phones without a connection.
    """

    def __init__(self, seed: int | None, start: datetime, *, rate: float = 10.0) -> None:
        self.clock = start
        """The time at which the next event is due; may be changed."""
        self._rate = rate
        self._random = Random(seed)
        self._new_id: Callable[[], UUID] = uuid7 if seed is None else self._seeded_id
        self._visits: list[tuple[int, Iterator[Step]]] = []
        self._users = len(_RETURNING_USERS)

    def __next__(self) -> Event:
        """Returns the event due at ``clock``, and moves ``clock`` to the next."""
        random = self._random
        user_id, (event_type, data) = self._next_step()
        late = random.uniform(1, _LATEST) if random.random() < _LATE_SHARE else random.uniform(0, 0.25)
        event = Event(
            event_id=self._new_id(),
            event_type=event_type,
            user_id=user_id,
            created_at=self.clock - timedelta(seconds=late),
            event_data=Raw(msgspec.json.encode(data)),
        )
        self.clock += timedelta(seconds=random.expovariate(1) / (self._rate * day_factor(self.clock)))
        return event

    def _next_step(self) -> tuple[int, Step]:
        while True:
            if len(self._visits) < _VISITS_AT_ONCE:
                self._visits.append(self._new_visit())
            index = self._random.randrange(len(self._visits))
            user_id, steps = self._visits[index]
            step = next(steps, None)
            if step is not None:
                return user_id, step
            self._visits[index] = self._visits[-1]
            self._visits.pop()

    def _new_visit(self) -> tuple[int, Iterator[Step]]:
        new_user = self._random.random() < _NEW_USER_SHARE
        if new_user:
            self._users += 1
            user_id = self._users
        else:
            user_id = popular(self._random, _RETURNING_USERS, flatness=_USERS_FLATNESS)
        return user_id, visit(self._random, new_user=new_user)

    def _seeded_id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

"""What is measured on."""

from typing import NamedTuple


class Plan(NamedTuple):
    """A log of so many ``entries``, of events of so many users, through so many days.

    ``database`` is an address on another Postgres server, to be used instead of an own.
    """

    entries: int
    users: int
    days: int
    database: str | None

    @property
    def options(self) -> str:
        """As the command line has them."""
        return f"--events {self.entries} --users {self.users} --days {self.days}"


ANY_LOG = 1_000
"""Entries of a log whose length does not matter."""


class Sizes(NamedTuple):
    """The sizes of what does not depend on the log."""

    kills: int
    runs: int
    seconds: float
    """Of contention, of live, and of cluster."""
    rate: float
    """Of live, and of cluster."""
    clients: int
    """Of live, and of fan-out."""
    fanned_out: int
    idle: int
    slow: int
    volume: int
    """MB that pass slow clients."""
    models: list[int]
    """Log entries of each read model that is asked."""
    asks: int
    replicated: int
    """Events to a cluster, at full speed."""
    leaders: int
    """Of a cluster, that are killed."""

"""What is measured on."""

from typing import NamedTuple


class Plan(NamedTuple):
    """A log of so many ``entries``, of events of so many users, scattered over so many days.

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

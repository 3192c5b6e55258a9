"""The log server's clock, as a service knows it."""

import logging
import time
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(seconds=30)
"""Differences up to here are ignored."""

logger = logging.getLogger("tailrace.runtime")


def system_time() -> datetime:
    """Returns this machine's time."""
    return datetime.fromtimestamp(time.time(), UTC)


class Clock:
    """This machine's clock, corrected if it is far from the log server's.

    The projection judges an event's time by the log's: with a clock days ahead, accepted events would all be parked.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Returns the time."""
        return system_time() - self._ahead

    def compare(self, server_time: datetime, asked_at: datetime) -> None:
        """Takes the log server's time, which it told after ``asked_at``; logs when the clocks begin to differ."""
        # the answer may have been on its way for long, or this process may have been stopped
        least, most = asked_at - server_time, system_time() - server_time
        ahead = least if least > TOLERANCE else most if most < -TOLERANCE else timedelta()
        begins = bool(ahead) and abs(ahead - self._ahead) > TOLERANCE
        self._ahead = ahead
        if begins:
            logger.warning("%s", self.difference())

    def difference(self) -> str | None:
        """Returns a sentence about how far this clock is from the log server's; None if it is near."""
        if not self._ahead:
            return None
        amount = timedelta(seconds=round(abs(self._ahead).total_seconds()))
        direction = "ahead of" if self._ahead > timedelta() else "behind"
        return (
            f"this machine's clock is {amount} {direction} the log server's: set the clock (events without a time get "
            "the log server's)"
        )

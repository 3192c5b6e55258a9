"""The log server's clock, as the command service knows it."""

import logging
import time
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(seconds=30)
"""Differences up to here are ignored: the delay of an answer is among them."""

logger = logging.getLogger("tailrace.command")


class Clock:
    """This machine's clock, corrected if it is far from the log server's.

    The projection judges an event's time by the log's: with a clock days ahead, accepted events would all be parked.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Returns the time."""
        return datetime.fromtimestamp(time.time(), UTC) - self._ahead

    def compare(self, server_time: datetime) -> None:
        """Takes the log server's present time; logs a warning when the clocks begin to differ."""
        ahead = datetime.fromtimestamp(time.time(), UTC) - server_time
        ahead = ahead if abs(ahead) > TOLERANCE else timedelta()
        if ahead and abs(ahead - self._ahead) > TOLERANCE:
            direction = "ahead of" if ahead > timedelta() else "behind"
            logger.warning(
                "this machine's clock is %s %s the log server's, whose time is used for events: set the clock",
                timedelta(seconds=round(abs(ahead).total_seconds())),
                direction,
            )
        self._ahead = ahead

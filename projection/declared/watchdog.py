"""Interrupts users' code that does not return."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

BATCH_TIMEOUT = 30.0
"""Seconds that one batch of one projection may take, in Python and in the database."""


class CodeTimeoutError(BaseException):
    """Users' code ran for too long. Not an ``Exception``: a handler in the code must not catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises ``CodeTimeoutError`` in the block after ``seconds``, even in a loop that never ends.

    Nothing in the block may await. Only the main thread has the signal; elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise CodeTimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)

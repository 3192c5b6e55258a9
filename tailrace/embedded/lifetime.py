"""Children that don't outlive their parent, however it ends."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """For ``preexec_fn``: the kernel sends ``stop_signal`` to the child when the thread that started it ends.

    Linux only; elsewhere None, which is no ``preexec_fn``.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    number = int(stop_signal)

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)

    return arrange

"""Ends child processes with their parent, however that ends."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Returns a ``preexec_fn``: the kernel sends ``stop_signal`` to the child when the thread that started it ends.

    Only Linux can; elsewhere returns None.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    number = int(stop_signal)

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)

    return arrange

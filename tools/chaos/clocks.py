"""Clocks that are off: a service restarts with libfaketime, and later without it."""

import signal
from pathlib import Path

from tools.chaos.system import ChaosSystem

LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"


def find_library() -> Path | None:
    """Returns the library of Debian's package ``faketime``."""
    return next(Path("/").glob(LIBRARIES), None)


async def set_clock(name: str, offset: str, system: ChaosSystem) -> None:
    """Restarts a service with a clock that differs by ``offset``, such as ``+3h``; "" is the right time."""
    environment = system.children[name].environment
    if offset:
        environment |= {"LD_PRELOAD": str(find_library()), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    else:
        environment.pop("LD_PRELOAD", None)
    system.send_signal(name, signal.SIGKILL)

"""Projectors in processes of their own, forked from one that has everything loaded: fast enough to be killed often."""

import asyncio
import logging
import multiprocessing
import signal
from multiprocessing.context import ForkServerProcess

from tailrace.ops.embedded.lifetime import die_with_parent
from tailrace.projection import projecting, service
from tailrace.runtime.settings import Settings

QUICK = 0.05
"""Seconds between looks at what a person may wait a second for."""

_context = multiprocessing.get_context("forkserver")
# what takes long to load; the server of the forks does not have the tests' own path
_context.set_forkserver_preload(["pytest", "tailrace.projection.service", "tailrace.runtime.log.natsio_client"])


def start_projector(settings: Settings) -> ForkServerProcess:
    """Starts the projection service; whoever starts it ends it."""
    process = _context.Process(target=_serve, args=(settings,), daemon=True)
    process.start()
    return process


def _serve(settings: Settings) -> None:
    if (arrange := die_with_parent(signal.SIGKILL)) is not None:
        arrange()
    service.MODELS_POLL = projecting.STANDBY_POLL = projecting.FIRST_PAUSE = projecting.LONGEST_PAUSE = QUICK
    logging.disable(logging.WARNING)
    asyncio.run(service.serve(settings))

"""Projectors in processes of their own, started fast enough to be killed often."""

import asyncio
import logging
from multiprocessing.context import ForkServerProcess

from projection import projecting, service
from runtime.settings import Settings
from tests.support.forked import fork

QUICK = 0.05
"""Seconds between looks at what a person may wait a second for."""


def start_projector(settings: Settings) -> ForkServerProcess:
    """Starts the projection service; whoever starts it ends it."""
    return fork(_serve, settings)


def _serve(settings: Settings) -> None:
    service.MODELS_POLL = projecting.STANDBY_POLL = projecting.FIRST_PAUSE = projecting.LONGEST_PAUSE = QUICK
    logging.disable(logging.WARNING)
    asyncio.run(service.serve(settings))

"""Runs the projection service, and beside it the worker of the user's projections in a process of its own."""

import asyncio
import logging
import sys
from contextlib import suppress
from signal import SIGTERM

import asyncpg

from contracts.errors import TailraceError
from migrations.projections import list_projections
from projection.declared.files import find_files, located
from projection.service import serve
from runtime.postgres import UNAVAILABLE, close, connect
from runtime.settings import Settings
from tailrace.embedded.lifetime import die_with_parent
from tailrace.up.child import LONGEST_AFTER_KILL

WORKER = (sys.executable, "-P", "-m", "tailrace", "serve", "projections")
"""-P: the working directory can hide no package."""
LOOK_INTERVAL = 5.0
"""Seconds between looks for projections while there are none."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STABLE_AFTER = 30.0
STOP_TIMEOUT = 5.0

logger = logging.getLogger("tailrace.projections")


async def serve_projections(settings: Settings) -> None:
    """Projects until SIGINT or SIGTERM; raises what ``projection.service.serve`` raises."""
    worker = asyncio.create_task(_keep_worker(settings))
    try:
        await serve(settings)
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def _keep_worker(settings: Settings) -> None:
    """Starts the worker once there are projections, and restarts it when it exits."""
    while not (_has_files(settings) or await _has_builds(settings)):  # noqa: ASYNC110 (of the database, too)
        await asyncio.sleep(LOOK_INTERVAL)
    delay = FIRST_DELAY
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        process = await asyncio.create_subprocess_exec(*WORKER, preexec_fn=die_with_parent(SIGTERM))
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                await _stop(process)
        delay = FIRST_DELAY if loop.time() - began > STABLE_AFTER else min(2 * delay, LONGEST_DELAY)
        wait = delay if code >= 0 else min(delay, LONGEST_AFTER_KILL)
        logger.error("the worker of projections exited with code %d; restarting in %g s", code, wait)
        await asyncio.sleep(wait)


async def _stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()


def _has_files(settings: Settings) -> bool:
    where = located(settings)
    if where is None:
        return False
    try:
        return any(find_files(where)[0].glob("*.py"))
    except TailraceError:
        return True  # the worker names what is wrong


async def _has_builds(settings: Settings) -> bool:
    """Whether an earlier run has built projections, whose files may be gone."""
    try:
        connection = await connect(settings.dsn, name="projections")
        try:
            return bool(await list_projections(connection))
        finally:
            await close(connection)
    except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE):
        return False

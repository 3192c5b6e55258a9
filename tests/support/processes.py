"""Services as processes of their own, as users run them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.settings import Settings
from tests.support.forked import Tailrace, run_to_end

NOBODY_PROJECTS = "no projection service is at work: what comes is in the log, and not counted"
"""The problem that ``tailrace status`` has with a log and a database alone."""


def service_environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "TAILRACE_NATS_URL": settings.nats_url,
        "TAILRACE_DATABASE": settings.dsn,
        "TAILRACE_COMMAND_PORT": str(settings.command_port),
        "TAILRACE_QUERY_PORT": str(settings.query_port),
        "TAILRACE_PROJECTION_PORT": str(settings.projection_port),
        "TAILRACE_BATCH_SIZE": str(settings.batch_size),
        "TAILRACE_LOG_LIBRARY": settings.log_library,
        "TAILRACE_LIVE_RING": str(settings.live_ring),
    }


def start_service(settings: Settings, *arguments: str, **options: Any) -> Tailrace:
    """Starts ``tailrace <arguments>``; whoever starts it ends it."""
    return Tailrace(arguments, service_environment(settings), **options)


def run_tailrace(settings: Settings, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What a person types, to its end."""
    return run_to_end(arguments, service_environment(settings) | variables)


@contextmanager
def running_service(settings: Settings, *arguments: str) -> Iterator[Tailrace]:
    process = start_service(settings, *arguments)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

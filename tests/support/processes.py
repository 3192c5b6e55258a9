"""Services as processes of their own, as users run them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tailrace.runtime.settings import Settings


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


def start_service(settings: Settings, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """Starts ``tailrace <arguments>``; whoever starts it ends it."""
    command = [sys.executable, "-m", "tailrace", *arguments]
    return subprocess.Popen(command, env=service_environment(settings), **options)


def run_tailrace(settings: Settings, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What a person types, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tailrace", *arguments],
        env=service_environment(settings) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running_service(settings: Settings, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
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

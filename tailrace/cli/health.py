"""``tailrace health``: asks a service whether it is ready; for containers and process managers."""

import json
from http.client import HTTPException
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from contracts.errors import UnavailableError
from migrations.projections import WORKER
from runtime.settings import Settings
from tailrace.cli.options import DataDir, Service, run_to_end
from tailrace.endpoints import ServiceName, service_url, settings_for

TIMEOUT = 5.0
"""Seconds: longer than a service waits for the log and the database."""


def health(service: Service, data_dir: DataDir = None) -> None:
    """Ask a service whether it is ready. Exits with 1, and prints the reason, if it is not."""
    settings = settings_for(data_dir)
    if service is Service.projections:
        run_to_end(_require_worker(settings))
    else:
        _require_ready(service_url(settings, cast("ServiceName", service.value)), service.value)


async def _require_worker(settings: Settings) -> None:
    """Checks that a worker of projections is connected: it serves no HTTP."""
    from runtime.postgres import connected  # takes half of a second to load

    async with connected(settings.dsn, name="health") as connection:
        if not await connection.fetchval(
            "select exists (select from pg_stat_activity where datname = current_database()"
            f" and application_name = 'tailrace-{WORKER}')"
        ):
            raise UnavailableError("no worker of projections is connected: start it with `tailrace serve projections`")


def _require_ready(url: str, service: str) -> None:
    # containers run this every few seconds, and httpx would take half of a second to load
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/health/ready", timeout=TIMEOUT):
            return
    except HTTPError as answer:
        raise UnavailableError(f"the {service} service is not ready: {_detail(answer)}") from None
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        raise UnavailableError(
            f"the {service} service at {url} does not answer: {str(cause) or type(cause).__name__}; start it, or set "
            f"its address with --data-dir or TAILRACE_{service.upper()}_URL"
        ) from None


def _detail(answer: HTTPError) -> str:
    try:
        detail: str = json.load(answer)["detail"]
        return detail
    except (OSError, ValueError, LookupError, TypeError):
        return f"HTTP {answer.code}"

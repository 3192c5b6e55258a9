"""``tailrace health``: asks a service whether it is ready; for containers and process managers."""

from typing import cast

import httpx

from contracts.errors import UnavailableError
from migrations.projections import WORKER
from runtime.settings import Settings
from tailrace.cli.connections import open_database
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
        run_to_end(_require_ready(service_url(settings, cast("ServiceName", service.value)), service.value))


async def _require_worker(settings: Settings) -> None:
    """Checks that a worker of projections is connected: it serves no HTTP."""
    async with open_database(settings, "health") as connection:
        if not await connection.fetchval(
            "select exists (select from pg_stat_activity where datname = current_database()"
            f" and application_name = 'tailrace-{WORKER}')"
        ):
            raise UnavailableError("no worker of projections is connected: start it with `tailrace serve projections`")


async def _require_ready(url: str, service: str) -> None:
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            answer = await http.get(f"{url}/health/ready")
            detail = "" if answer.status_code == 200 else answer.json().get("detail", f"HTTP {answer.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise UnavailableError(
            f"the {service} service at {url} does not answer: {reason}; start it, or set its address with --data-dir "
            f"or TAILRACE_{service.upper()}_URL"
        ) from None
    if detail:
        raise UnavailableError(f"the {service} service is not ready: {detail}")

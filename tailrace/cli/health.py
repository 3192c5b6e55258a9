"""``tailrace health``: asks a service whether it is ready; for containers and process managers."""

import httpx

from contracts.errors import UnavailableError
from tailrace.cli.options import DataDir, Service, run_to_end
from tailrace.endpoints import service_url, settings_for

TIMEOUT = 5.0
"""Seconds: longer than a service waits for the log and the database."""


def health(service: Service, data_dir: DataDir = None) -> None:
    """Ask a service whether it is ready. Exits with 1, and prints the reason, if it is not."""
    run_to_end(_require_ready(service_url(settings_for(data_dir), service.value), service.value))


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

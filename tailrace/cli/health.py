"""``tailrace health``: whether a service can do its work, asked of itself; for containers and process managers."""

import httpx

from contracts.errors import UnavailableError
from tailrace.cli.options import DataDir, Service, run_to_end
from tailrace.endpoints import service_url, settings_for

PATIENCE = 5.0
"""Seconds: a little more than the service gives what it asks itself."""


class UnhealthyError(UnavailableError):
    """The service can't do its work now; the message says what doesn't answer."""


def health(service: Service, data_dir: DataDir = None) -> None:
    """Ask a service whether it is ready. Exits with 1, and a sentence, if it is not."""
    run_to_end(ask_health(service_url(settings_for(data_dir), service.value), service.value))


async def ask_health(url: str, service: str) -> None:
    """Returns when the service at ``url`` is ready.

    Raises:
        UnhealthyError: it is not, or does not answer.
    """
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            answer = await http.get(f"{url}/health/ready")
            detail = (
                answer.json().get("detail", f"it answers {answer.status_code}") if answer.status_code != 200 else ""
            )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise UnhealthyError(f"the {service} service at {url} does not answer: {reason}") from None
    if detail:
        raise UnhealthyError(f"the {service} service is not ready: {detail}")

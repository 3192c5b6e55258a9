"""One request to the command service: `POST /events` with lines of JSON, and the meaning of its answers."""

import json
from collections.abc import Sequence

import httpx

from tailrace_client.errors import RefusedError, UnavailableError
from tailrace_client.events import Rejection

_ANSWERED = {202, 207, 422}
_RETRIED = {429, 500, 502, 503, 504}
_LONGEST_RETRY_AFTER = 30.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def http_client(url: str, key: str | None) -> httpx.Client:
    """Returns a client for the command service at ``url``.

    Raises:
        ValueError: ``url`` is not an HTTP address.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError(f"{url!r} is not the address of a command service: expected http://host:port")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT)


def post(http: httpx.Client, lines: Sequence[bytes]) -> list[Rejection]:
    """Sends events once. When it returns, the events without a rejection are in the log.

    Raises:
        UnavailableError: no answer, or one that asks for a retry; some of the events may be in the log.
        RefusedError: the service refuses the whole request.
    """
    headers = {"Content-Type": "application/x-ndjson"}
    try:
        response = http.post("/events", content=b"\n".join(lines), headers=headers)
    except httpx.RequestError as error:
        raise UnavailableError(f"{http.base_url} does not answer: {str(error) or type(error).__name__}") from error
    if response.status_code in _RETRIED:
        raise UnavailableError(f"{http.base_url} accepts no events now: {_reason(response)}", _retry_after(response))
    if response.status_code == 413:
        return _post_halves(http, lines)
    if response.status_code not in _ANSWERED:
        raise RefusedError(f"{http.base_url} refused the request: {_reason(response)}")
    try:
        return [
            Rejection(json.loads(lines[refusal["index"]]), refusal["code"], refusal["message"])
            for refusal in response.json()["rejected"]
        ]
    except (ValueError, LookupError, TypeError):
        raise RefusedError(f"{http.base_url} is not a command service: its answer can't be read") from None


def _post_halves(http: httpx.Client, lines: Sequence[bytes]) -> list[Rejection]:
    if len(lines) == 1:
        return [Rejection(json.loads(lines[0]), "too_large", "the event exceeds the command service's limit")]
    middle = len(lines) // 2
    return post(http, lines[:middle]) + post(http, lines[middle:])


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else None


def _reason(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.reason_phrase
    return f"{detail} (HTTP {response.status_code})"

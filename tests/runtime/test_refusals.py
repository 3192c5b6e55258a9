import json
from typing import Any

import pytest

from contracts.errors import UnavailableError
from runtime.log.client import JetStreamApiError, JetStreamUnavailableError, LogClient, Reply


class _Answering(LogClient):
    """Answers every request with one JetStream error."""

    def __init__(self, error: dict[str, Any]) -> None:
        self._payload = json.dumps({"error": error}).encode()

    async def request(self, *_: Any, **__: Any) -> Reply:
        return Reply(self._payload, {}, 0)

    async def fetcher(self, stream: str, consumer: str) -> Any:
        raise NotImplementedError

    async def close(self) -> None: ...


async def test_a_refusal_is_not_retryable() -> None:
    client = _Answering({"code": 400, "err_code": 10025, "description": "invalid JSON"})
    with pytest.raises(JetStreamApiError, match="invalid JSON") as caught:
        await client.api("STREAM.INFO.x")
    assert caught.value.err_code == 10025
    assert not isinstance(caught.value, UnavailableError)


@pytest.mark.parametrize(("code", "err_code"), [(503, 10008), (400, 10005), (500, 10041)])
async def test_a_temporary_condition_is_retryable(code: int, err_code: int) -> None:
    client = _Answering({"code": code, "err_code": err_code, "description": "not now"})
    with pytest.raises(UnavailableError, match="not now") as caught:
        await client.api("STREAM.INFO.x")
    assert isinstance(caught.value, JetStreamUnavailableError)
    assert caught.value.err_code == err_code

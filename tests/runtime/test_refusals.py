"""JetStream's errors: refusals are not retryable, temporary conditions are."""

import pytest

from contracts.errors import TailraceError, UnavailableError
from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError, JetStreamUnavailableError, StreamMissingError, api_error


def error(code: int, err_code: int) -> TailraceError:
    return api_error({"code": code, "err_code": err_code, "description": "not so"}, "STREAM.INFO.x")


def test_a_refusal_is_not_retryable() -> None:
    refusal = error(400, 10025)
    assert isinstance(refusal, JetStreamApiError)
    assert refusal.err_code == 10025
    assert not isinstance(refusal, UnavailableError)


@pytest.mark.parametrize(("code", "err_code"), [(503, 10008), (400, 10005), (500, 10041)])
def test_a_temporary_condition_is_retryable(code: int, err_code: int) -> None:
    unavailable = error(code, err_code)
    assert isinstance(unavailable, JetStreamUnavailableError)
    assert isinstance(unavailable, UnavailableError)
    assert unavailable.err_code == err_code


async def test_the_server_refuses_what_does_not_exist(log: LogClient) -> None:
    with pytest.raises(JetStreamApiError, match="consumer not found"):
        await log.api(f"CONSUMER.INFO.{LOG_STREAM}.nobody")
    with pytest.raises(StreamMissingError):
        await log.api("CONSUMER.INFO.NOTHING.nobody")

"""Generated requests to both services, by their OpenAPI documents: no answer is a 5xx, each is a documented one.

`just fuzz` generates more of them.
"""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.services import running_services

EXAMPLES = int(os.environ.get("TAILRACE_FUZZ_EXAMPLES", "15"))
"""Requests to each path, of each kind."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = ["/sse", "/ws"]
"""Streams: their answers end only when the client goes."""


@pytest.fixture
async def services(settings: Settings, log: LogClient) -> AsyncIterator[dict[str, str]]:
    """The addresses of the services; the log and the tables are empty at the start."""
    async with running_services(settings.model_copy(update={"projection_port": free_port()})) as addresses:
        yield dict(addresses)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["command", "query"])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_any_request_gets_a_documented_answer(services: dict[str, str], name: str, mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_url(f"{services[name]}/openapi.json")
    answered = 0
    for found in document.exclude(path=ENDLESS).get_all_operations():
        assert isinstance(found, Ok)

        @given(case=found.ok().as_strategy(generation_mode=mode))
        @hypothesis_settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def check(case: Case[Any]) -> None:
            nonlocal answered
            case.call_and_validate(checks=CHECKS)
            answered += 1

        with suppress(Unsatisfiable):  # a path without parameters has no invalid request
            check()
    assert answered >= EXAMPLES

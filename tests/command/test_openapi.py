"""The OpenAPI document describes the real answers of POST /events and the other routes."""

import asyncio
import json
from typing import Any

import pytest
from starlette.routing import Mount, Route

from command.messages import SEED_EVENT
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.api_documents import check_response, validator
from tests.support.command import Command, running_command, set_log_limit

BAD = {"event_type": ""}
CASES: list[tuple[int, Any, dict[str, str]]] = [
    (202, [SEED_EVENT, SEED_EVENT], {}),
    (207, [SEED_EVENT, BAD], {}),
    (422, [BAD], {}),
    (400, [], {}),
    (415, SEED_EVENT, {"content-type": "image/png"}),
    (413, "x" * 2_000, {}),
]


@pytest.fixture
async def command(settings: Settings, log: object) -> Any:
    async with running_command(settings.model_copy(update={"max_body_bytes": 1_000})) as command:
        yield command


async def document_of(command: Command) -> dict[str, Any]:
    found: dict[str, Any] = (await command.http.get("/openapi.json")).json()
    return found


@pytest.mark.parametrize("detail", ["", "?detail=1"])
async def test_every_answer_is_as_documented(command: Command, detail: str) -> None:
    document = await document_of(command)
    for status, body, headers in CASES:
        answer = await command.http.post(
            f"/events{detail}", content=json.dumps(body), headers={"content-type": "application/json", **headers}
        )
        assert answer.status_code == status
        check_response(document, "/events", "post", answer)
    for path in ("/status", "/health/live", "/health/ready"):
        check_response(document, path, "get", await command.http.get(path))


async def test_examples_are_accepted_and_match_their_schemas(command: Command) -> None:
    document = await document_of(command)
    for example in document["components"]["schemas"]["Event"]["examples"]:
        assert (await command.http.post("/events", json=example)).status_code == 202
    examples = [
        (content["schema"], content["example"])
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for content in response["content"].values()
        if "example" in content
    ]
    assert len(examples) >= 12
    for schema, example in examples:
        validator(document, schema).validate(example)


async def test_retryable_answers_are_as_documented(settings: Settings, log: LogClient) -> None:
    async with running_command(settings.model_copy(update={"max_pending_events": 1})) as command:
        document = await document_of(command)
        answers = await asyncio.gather(*(command.http.post("/events", json=[SEED_EVENT] * 2) for _ in range(2)))
        await set_log_limit(log, 1)
        answers.append(await command.http.post("/events", json=[SEED_EVENT, BAD]))
    assert sorted(answer.status_code for answer in answers) == [202, 429, 503]
    for answer in answers:
        check_response(document, "/events", "post", answer)
        documented = document["paths"]["/events"]["post"]["responses"][str(answer.status_code)]
        assert ("Retry-After" in documented.get("headers", {})) == ("retry-after" in answer.headers)


async def test_every_path_is_documented(command: Command) -> None:
    served = {route.path for route in command.service.routes if isinstance(route, Route | Mount)}
    pages = {"/docs", "/docs/files", "/asyncapi", "/asyncapi.json", "/openapi.json", "/health", "/tailrace.js"}
    assert served - pages == set((await document_of(command))["paths"])

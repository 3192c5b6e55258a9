"""The OpenAPI document describes what POST /events and its neighbours really answer."""

import json
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from support.command import Command, running_command
from tailrace.command.messages import SEED_EVENT
from tailrace.runtime.settings import Settings

BAD = {"event_type": "x"}
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


def check(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> None:
    content = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    schema = content[answer.headers["content-type"]]["schema"]
    judge = Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)
    judge.validate(answer.json())


@pytest.mark.parametrize("detail", ["", "?detail=1"])
async def test_every_answer_is_as_documented(command: Command, detail: str) -> None:
    document = await document_of(command)
    for status, body, headers in CASES:
        answer = await command.http.post(
            f"/events{detail}", content=json.dumps(body), headers={"content-type": "application/json", **headers}
        )
        assert answer.status_code == status
        check(document, "/events", "post", answer)
    for path in ("/status", "/health/live", "/health/ready"):
        check(document, path, "get", await command.http.get(path))


async def test_the_documents_examples_are_taken(command: Command) -> None:
    document = await document_of(command)
    for example in document["components"]["schemas"]["Event"]["examples"]:
        assert (await command.http.post("/events", json=example)).status_code == 202
    answer = document["components"]["schemas"]["Answer"]
    judge = Draft202012Validator({**answer, "components": document["components"]})
    for example in answer["examples"]:
        judge.validate(example)


async def test_every_path_that_is_served_is_documented(command: Command) -> None:
    served = {route.path for route in command.side.app.routes}  # type: ignore[attr-defined]
    pages = {"/asyncapi", "/asyncapi.json", "/openapi.json", "/health"}
    assert served - pages == set((await document_of(command))["paths"])

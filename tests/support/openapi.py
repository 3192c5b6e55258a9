"""Judging answers by an OpenAPI document."""

from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator


def judge_of(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)


def agrees(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> None:
    """Holds an answer of a service against what the document says of its status and kind."""
    content = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    judge_of(document, content[answer.headers["content-type"]]["schema"]).validate(answer.json())

"""Checks messages and responses against AsyncAPI and OpenAPI documents."""

import json
import re
from typing import Any
from urllib.parse import unquote

import httpx
from jsonschema_rs import Draft7Validator, Draft202012Validator

Document = dict[str, Any]


def resolve(document: Document, reference: Document) -> Any:
    """Returns the target of a ``$ref``, through any number of further references."""
    found: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[unquote(part)]
    return resolve(document, found) if "$ref" in found else found


def references(document: Document) -> list[Document]:
    return [{"$ref": found} for found in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document))]


def messages(document: Document, operation: str) -> dict[str, Document]:
    """Returns the messages that an operation sends or receives, by name."""
    found = [resolve(document, reference) for reference in document["operations"][operation]["messages"]]
    return {message["name"]: message for message in found}


def examples(message: Document) -> list[Any]:
    return [example["payload"] for example in message["examples"]]


def strict_validator(document: Document, schema: Document) -> Draft7Validator:
    """Validates by an AsyncAPI schema, formats included; members that the schema does not name are errors."""
    return Draft7Validator({**_closed(schema), "components": _closed(document["components"])}, validate_formats=True)


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    return {**closed, "additionalProperties": False} if isinstance(node.get("properties"), dict) else closed


def validator(document: Document, schema: Document) -> Draft202012Validator:
    """Validates by an OpenAPI schema, formats included."""
    return Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)


def check_response(document: Document, path: str, method: str, response: httpx.Response) -> None:
    """Validates a response against the schema for its status and content type."""
    content = document["paths"][path][method]["responses"][str(response.status_code)]["content"]
    validator(document, content[response.headers["content-type"]]["schema"]).validate(response.json())

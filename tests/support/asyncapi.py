"""Reading AsyncAPI documents, and judging messages by them."""

import json
import re
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft7Validator

Document = dict[str, Any]


def follow(document: Document, reference: Document) -> Any:
    """What a reference leads to."""
    found: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[unquote(part)]
    return follow(document, found) if "$ref" in found else found


def references_in(document: Document) -> list[Document]:
    return [{"$ref": found} for found in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document))]


def messages_of(document: Document, operation: str) -> dict[str, Document]:
    """The messages that an operation sends or receives, by their names."""
    found = [follow(document, reference) for reference in document["operations"][operation]["messages"]]
    return {message["name"]: message for message in found}


def examples_of(message: Document) -> list[Any]:
    return [example["payload"] for example in message["examples"]]


def exactly(document: Document, schema: Document) -> Draft7Validator:
    """Judges by a schema of the document, formats too; a member that the schema doesn't name is wrong."""
    return Draft7Validator({**_closed(schema), "components": _closed(document["components"])}, validate_formats=True)


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    return {**closed, "additionalProperties": False} if isinstance(node.get("properties"), dict) else closed

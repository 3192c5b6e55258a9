"""An AsyncAPI document as one page of plain HTML: no script, nothing from elsewhere."""

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Any, NamedTuple
from urllib.parse import unquote

from markdown_it import MarkdownIt

Node = dict[str, Any]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d5dae0; padding-top: 1.5rem; } h3 { margin-top: 2.5rem; }
h4 { margin: 2rem 0 0; font-size: 1.1rem; } p { margin: .5rem 0; }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f3f5f7; border-radius: 4px; }
code { padding: .1em .3em; } pre { padding: .8rem; overflow-x: auto; } h2 code, h4 code { font-size: 1em; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } td, th { text-align: left;
vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #e3e7eb; } td:first-child { white-space: nowrap; }
td:last-child { min-width: 14rem; }
.action { font-size: .8rem; font-weight: normal; padding: .15em .5em; border-radius: 4px; background: #dbe9ff; }
a { color: #0b57d0; } summary { cursor: pointer; }
@media (prefers-color-scheme: dark) { body { background: #14171a; color: #dfe3e8; } code, pre { background: #20252b; }
.action { background: #1f3a63; } td, th, h2 { border-color: #353c44; } a { color: #8ab8ff; } }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""To be sent with the page."""
_ACTIONS = {"receive": "clients send, the service receives", "send": "the service sends, clients receive"}

_markdown = MarkdownIt("commonmark", {"html": False})


class _Field(NamedTuple):
    name: str
    schema: Node
    required: bool


def render_page(document: Node) -> str:
    """HTML of an AsyncAPI 3 document whose schemas are JSON schemas that don't contain themselves.

    Where a channel has several operations, each has a title.
    """
    info = document["info"]
    channels = "".join(_channel(document, name, channel) for name, channel in document["channels"].items())
    servers = ", ".join(
        f"<code>{escape(server['protocol'])}://{escape(server['host'])}</code>"
        for server in document["servers"].values()
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(info["title"])}</title><style>{_STYLE}</style></head>
<body>
<h1>{escape(info["title"])} {escape(info["version"])}</h1>
{_text(info["description"])}
<p>Server: {servers}. This page as a document: <a href="asyncapi.json">asyncapi.json</a>
(AsyncAPI {escape(document["asyncapi"])}).</p>
{channels}
</body>
</html>
"""


def _channel(document: Node, name: str, channel: Node) -> str:
    operations = [one for one in document["operations"].values() if _resolved(document, one["channel"]) is channel]
    badge = _badge(operations[0]) if len(operations) == 1 else ""
    head = f"<h2><code>{escape(channel.get('address') or name)}</code>{badge}</h2>\n"
    parameters = "".join(_parameters(document, binding) for binding in channel.get("bindings", {}).values())
    if not operations:
        messages = "".join(_message(document, message) for message in channel["messages"].values())
    else:
        messages = "".join(_operation(document, operation, alone=bool(badge)) for operation in operations)
    return head + _text(channel.get("description", "")) + parameters + messages


def _badge(operation: Node) -> str:
    return f' <span class="action">{_ACTIONS[operation["action"]]}</span>'


def _operation(document: Node, operation: Node, *, alone: bool) -> str:
    channel = _resolved(document, operation["channel"])
    references = operation.get("messages") or list(channel["messages"].values())
    head = "" if alone else f"<h3>{escape(operation['title'])}{_badge(operation)}</h3>\n"
    head += _text(operation.get("description", ""))
    if len(references) == 1:
        return head + _message(document, references[0])
    named = {_resolved(document, reference)["name"]: reference for reference in references}
    links = ", ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in named)
    messages = "".join(
        f'<h4 id="{escape(name)}"><code>{escape(name)}</code></h4>\n{_message(document, reference)}'
        for name, reference in named.items()
    )
    return f"{head}<p>Messages: {links}</p>\n{messages}"


def _parameters(document: Node, binding: Node) -> str:
    """What a binding takes in the address's query."""
    if "query" not in binding:
        return ""
    fields = list(_fields(_inlined(document, binding["query"])))
    return f"<h3>Query parameters</h3>\n{_table('parameter', fields, 'default', [_default(one) for one in fields])}"


def _default(field: _Field) -> str:
    value = field.schema.get("default")
    if value is None or value == []:
        return ""
    return f"<code>{escape(value if isinstance(value, str) else json.dumps(value))}</code>"


def _message(document: Node, reference: Node) -> str:
    message = _resolved(document, reference)
    schema = _inlined(document, message["payload"])
    fields = list(_fields(schema))
    required = ["yes" if field.required else "no" for field in fields]
    examples = "".join(f"<pre>{_json(example['payload'])}</pre>" for example in message["examples"])
    return (
        f"{_text(schema['description'])}{_table('field', fields, 'required', required)}{_headers(message)}"
        f"<p><b>Examples</b></p>\n{examples}\n"
        f"<details><summary>JSON schema</summary><pre>{_json(schema)}</pre></details>\n"
    )


def _headers(message: Node) -> str:
    fields = list(_fields(message.get("headers", {})))
    return _table("header", fields, "required", ["yes" if one.required else "no" for one in fields]) if fields else ""


def _table(named: str, fields: list[_Field], column: str, cells: list[str]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field.name)}</code></td><td>{_kind(field.schema)}</td><td>{cell}</td>"
        f"<td>{_inline(_description(field.schema))}</td></tr>\n"
        for field, cell in zip(fields, cells, strict=True)
    )
    head = f"<tr><th>{named}</th><th>kind</th><th>{column}</th><th>meaning</th></tr>"
    return f"<div class=wide><table>{head}\n{rows}</table></div>\n"


def _fields(schema: Node, within: str = "") -> Iterator[_Field]:
    """An object's members, those of objects in it among them: ``error.code``, ``events[].cursor``."""
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield _Field(within + name, field, name in required)
        for option in _options(field):
            yield from _fields(option, f"{within}{name}.")
            yield from _fields(option.get("items", {}), f"{within}{name}[].")


def _options(schema: Node) -> list[Node]:
    return list(schema.get("anyOf") or schema.get("oneOf") or [schema])


def _kind(schema: Node) -> str:
    options = _options(schema)
    if options != [schema]:
        return " or ".join(_kind(option) for option in options)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"array of {_kind(schema['items'])}"
    return escape(" ".join(str(schema[key]) for key in ("type", "format") if key in schema))


def _description(field: Node) -> str:
    own = field.get("description") or next(
        (option["description"] for option in _options(field) if "description" in option), ""
    )
    return str(own)


def _resolved(document: Node, node: Node) -> Node:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[unquote(part).replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def _inlined(document: Node, node: Any) -> Any:
    """A schema in one piece."""
    if isinstance(node, list):
        return [_inlined(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _inlined(document, value) for key, value in _resolved(document, node).items()}


def _json(value: Any) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False))


def _text(markdown: str) -> str:
    return str(_markdown.render(markdown))


def _inline(markdown: str) -> str:
    return str(_markdown.renderInline(markdown))

"""The AsyncAPI document as one page of plain HTML: no script, nothing from elsewhere."""

import json
from html import escape
from typing import Any
from urllib.parse import unquote

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h2 { margin-top: 2.5rem; border-top: 1px solid #d5dae0; padding-top: 1.5rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f3f5f7; border-radius: 4px; }
code { padding: .1em .3em; } pre { padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem;
border-bottom: 1px solid #e3e7eb; } .action { font-size: .8em; padding: .15em .5em; border-radius: 4px;
background: #dbe9ff; }
@media (prefers-color-scheme: dark) { body { background: #14171a; color: #dfe3e8; } code, pre { background: #20252b; }
.action { background: #1f3a63; } td, th, h2 { border-color: #353c44; } a { color: #8ab8ff; } }
"""
_ACTIONS = {"receive": "clients send, the service takes", "send": "the service writes, clients may read"}


def render_page(document: "dict[str, Any]") -> str:
    """HTML of an AsyncAPI 3 document as ``asyncapi_document`` makes it."""
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
<p>{_text(info["description"])}</p>
<p>Server: {servers}. This page as a document: <a href="asyncapi.json">asyncapi.json</a>
(AsyncAPI {escape(document["asyncapi"])}).</p>
{channels}
</body>
</html>
"""


def _channel(document: "dict[str, Any]", name: str, channel: "dict[str, Any]") -> str:
    operation = document["operations"].get(name)
    action = f' <span class="action">{_ACTIONS[operation["action"]]}</span>' if operation else ""
    messages = "".join(_message(document, message) for message in channel["messages"].values())
    return f"<h2><code>{escape(name)}</code>{action}</h2>\n<p>{_text(channel.get('description', ''))}</p>\n{messages}"


def _message(document: "dict[str, Any]", reference: "dict[str, str]") -> str:
    message = _resolved(document, reference)
    schema = _resolved(document, message["payload"])
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(field))}</td>"
        f"<td>{'yes' if name in required else 'no'}</td><td>{_text(_description(field))}</td></tr>\n"
        for name, field in schema["properties"].items()
    )
    examples = "".join(
        f"<pre>{escape(json.dumps(example['payload'], indent=2))}</pre>" for example in message["examples"]
    )
    return (
        f"<p>{_text(schema['description'])}</p>\n"
        f"<table><tr><th>field</th><th>kind</th><th>required</th><th></th></tr>\n{rows}</table>\n"
        f"<h3>Examples</h3>\n{examples}\n"
        f"<details><summary>JSON schema</summary><pre>{escape(json.dumps(schema, indent=2))}</pre></details>\n"
    )


def _resolved(document: "dict[str, Any]", reference: "dict[str, str]") -> "dict[str, Any]":
    found: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[unquote(part)]
    return dict(found)


def _kind(field: "dict[str, Any]") -> str:
    if options := field.get("anyOf"):
        return " or ".join(_kind(option) for option in options)
    return " ".join(str(field[key]) for key in ("type", "format") if key in field)


def _description(field: "dict[str, Any]") -> str:
    own = field.get("description") or next(
        (option["description"] for option in field.get("anyOf", []) if "description" in option), ""
    )
    return str(own)


def _text(markdown: str) -> str:
    # the only markup in our descriptions is `code`
    parts = escape(markdown).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))

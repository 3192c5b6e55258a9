"""The page of an AsyncAPI document, whatever the document is about."""

import hashlib
import re
from base64 import b64encode
from typing import Any

from runtime.asyncapi_page import HEADERS, render_page

ORDER = {
    "description": "Something was `bought`.",
    "type": "object",
    "required": ["lines"],
    "properties": {
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}, "description": "What"},
        "state": {"oneOf": [{"const": "paid", "type": "string"}, {"type": "null"}]},
        "address": {"anyOf": [{"type": "object", "properties": {"zip": {"type": "string"}}}, {"type": "null"}]},
    },
}
LINE = {"type": "object", "properties": {"item": {"type": "string", "description": "<b>not bold</b>"}}}


def document(kinds: int = 1, operations: tuple[str, ...] = ("send",)) -> dict[str, Any]:
    names = [f"kind{number}" for number in range(kinds)]
    message = {
        "payload": {"$ref": "#/components/schemas/Order"},
        "examples": [{"payload": {"lines": [{"item": "<i>"}]}}],
    }
    query = {"type": "object", "properties": {"since": {"enum": ["now", "ever"], "default": "now"}}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "A <shop>", "version": "1", "description": "First.\n\n- one\n- two <script>"},
        "servers": {"here": {"protocol": "ws", "host": "<host>"}},
        "channels": {
            "orders": {
                "address": "/orders",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "bindings": {"ws": {"method": "GET", "query": query}},
            }
        },
        "operations": {
            action: {"action": action, "title": f"To {action}", "channel": {"$ref": "#/channels/orders"}}
            for action in operations
        },
        "components": {
            "messages": {name: {"name": name, **message} for name in names},
            "schemas": {"Order": ORDER, "Line": LINE},
        },
    }


def rows(page: str) -> dict[str, list[str]]:
    """The tables' rows by their first cell, as text."""
    found = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    cells = [[re.sub("<.*?>", "", cell) for cell in row] for row in found if row]
    return {row[0]: row[1:] for row in cells}


def test_what_is_within_objects_and_lists_has_rows_of_its_own() -> None:
    assert rows(render_page(document())) == {
        "since": ["now or ever", "now", ""],
        "lines": ["array of object", "yes", "What"],
        "lines[].item": ["string", "no", "&lt;b&gt;not bold&lt;/b&gt;"],
        "state": ["paid or null", "no", ""],
        "address": ["object or null", "no", ""],
        "address.zip": ["string", "no", ""],
    }


def test_several_messages_are_named_and_one_is_not() -> None:
    assert "<h4" not in render_page(document())
    page = render_page(document(kinds=2))
    assert re.findall(r'<h4 id="(\w+)">', page) == re.findall(r'<a href="#(\w+)">', page) == ["kind0", "kind1"]


def test_who_sends_and_who_receives_is_told_beside_the_channel_or_for_each_direction() -> None:
    [channel] = re.findall(r"<h2>.*</h2>", render_page(document()))
    assert "the service sends" in channel
    both = render_page(document(operations=("send", "receive")))
    assert [re.sub("<.*?>", "", head) for head in re.findall(r"<h[23]>(.*)</h[23]>", both)] == [
        "/orders",
        "Query parameters",
        "To send the service sends, clients receive",
        "To receive clients send, the service receives",
    ]


def test_descriptions_are_markdown_and_nothing_in_them_is_html() -> None:
    page = render_page(document())
    assert "<p>First.</p>\n<ul>\n<li>one</li>" in page
    assert "<p>Something was <code>bought</code>.</p>" in page
    assert not re.findall("<(?:script|shop|host|b>not|i>)", page)


def test_a_browser_is_allowed_the_pages_own_style_and_nothing_else() -> None:
    [style] = re.findall("<style>(.*?)</style>", render_page(document()), re.DOTALL)
    own = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert re.findall(r"\w+-src '(.*?)'", policy) == ["none", f"sha256-{own}"]

"""A page of Markdown as HTML: headings that can be linked to, and links that lead where their files went."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


class Heading(NamedTuple):
    """A heading: its level from 1, its text, and its anchor."""

    level: int
    text: str
    anchor: str


class Rendered(NamedTuple):
    """A page's HTML and its headings, in order."""

    html: str
    headings: list[Heading]


def render(text: str, relocated: Callable[[str], str]) -> Rendered:
    """HTML of Markdown; ``relocated`` says where a link or picture leads to on the site."""
    tokens = _markdown.parse(text)
    headings = _anchored(tokens)
    for token in tokens:
        for child in token.children or []:
            for name in ("href", "src"):
                if name in child.attrs:
                    child.attrs[name] = relocated(str(child.attrs[name]))
    return Rendered(str(_markdown.renderer.render(tokens, _markdown.options, {})), headings)


def _anchored(tokens: Sequence[Token]) -> list[Heading]:
    """Gives each heading the anchor that code hosts give it, which links in the pages count on."""
    found: list[Heading] = []
    seen: Counter[str] = Counter()
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in tokens[number + 1].children or [])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            anchor = f"{slug}-{seen[slug]}" if seen[slug] else slug
            seen[slug] += 1
            token.attrs["id"] = anchor
            found.append(Heading(int(token.tag[1]), text, anchor))
    return found

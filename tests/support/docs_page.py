"""A page of docs/ in parts: its commands, their output, and its quotes."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCS = Path(__file__).parents[2] / "docs"
SHELL, QUERY, OUTPUT = "sh", "sql", ""
"""The info strings of fenced blocks."""
_BY_HAND = re.compile(r"^#.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of shell commands, and the output that the page shows below it."""

    name: str
    """Its heading, and its number below that."""
    text: str
    output: str

    @property
    def steps(self) -> list[str]:
        """The commands between comment lines; a comment line is a step that is done by hand."""
        return [step for step in _BY_HAND.split(self.text) if step.strip()]


@dataclass
class Page:
    """The parts of a page by heading; ``blocks`` by name."""

    blocks: dict[str, Block] = field(default_factory=dict)
    queries: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    outputs: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Outputs that do not follow a shell block."""
    quotes: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    headings: list[str] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    """Inline code."""
    anchors: list[str] = field(default_factory=list)
    """Targets of links within the page."""

    @property
    def commands(self) -> list[list[str]]:
        """The words of every ``tailrace`` command in inline code."""
        found = (re.fullmatch(r"(?:\w+=\S+ )*tailrace (\w.*)", span) for span in self.spans)
        return [match[1].split() for match in found if match]

    @classmethod
    def read(cls, name: str) -> Self:
        page = cls()
        tokens = MarkdownIt().enable("table").parse((DOCS / name).read_text(encoding="utf-8"))
        for number, token in enumerate(tokens):
            if token.type == "heading_open":
                page.headings.append(tokens[number + 1].content)
            elif token.type == "fence":
                page._add_fence(token, tokens[number - 1], tokens[number + 1] if number + 1 < len(tokens) else None)
            elif token.type == "inline":
                page._add_inline(token, quoted=tokens[number - 2].type == "blockquote_open")
        assert len(set(page.headings)) == len(page.headings)
        return page

    def _add_fence(self, token: Token, before: Token, after: Token | None) -> None:
        heading = self.headings[-1]
        if token.info == SHELL:
            output = after.content if after is not None and (after.type, after.info) == ("fence", OUTPUT) else ""
            name = f"{heading} {1 + sum(_heading_of(other) == heading for other in self.blocks)}"
            self.blocks[name] = Block(name, token.content, output)
        elif token.info == QUERY:
            self.queries[heading].append(token.content)
        elif (before.type, before.info) != ("fence", SHELL):
            self.outputs[heading].append(token.content)

    def _add_inline(self, token: Token, *, quoted: bool) -> None:
        children = token.children or []
        self.spans += [child.content for child in children if child.type == "code_inline"]
        links = (str(child.attrs["href"]) for child in children if child.type == "link_open")
        self.anchors += [link for link in links if link.startswith("#")]
        if quoted:
            self.quotes[self.headings[-1]].append(token.content)


def _heading_of(name: str) -> str:
    return name.rsplit(" ", 1)[0]


def missing(shown: str, output: str) -> list[str]:
    """Returns the lines of ``shown`` that ``output`` does not contain.

    A word with digits matches every word with digits, a size matches any unit, ``…`` matches anything.
    """
    found = _shape(output)
    parts = {line: _shape(line.split("   # ")[0]).split("…") for line in shown.splitlines()}
    return [line for line in parts if not all(part.strip() in found for part in parts[line])]


def _shape(text: str) -> str:
    text = re.sub(r"\b[KM]?i?B\b", "B", re.sub(r"--+", "--", text))
    return " ".join("#" if re.search(r"\d", word) else word for word in text.split())

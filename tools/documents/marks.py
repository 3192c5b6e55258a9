"""Figures between two comments of a page that is otherwise written by hand."""

from collections.abc import Iterable

from contracts.errors import ConfigurationError

END = "<!-- end of the figures -->"


def with_figures(page: str, name: str, source: str, lines: Iterable[str]) -> str:
    """Returns the page with ``lines`` between its comments.

    Raises:
        ConfigurationError: the page ``name`` has no such comments.
    """
    mark = f"<!-- figures: from {source}, by ./just docs -->\n"
    head, begin, rest = page.partition(mark)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ConfigurationError(f"{name} has no lines {mark.strip()} and {END}: put the figures between them")
    figures = "\n".join(lines)
    return f"{head}{begin}\n{figures}\n\n{end}{tail}"

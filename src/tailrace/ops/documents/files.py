"""Every file below docs/ that is made from the code."""

from collections.abc import Iterator
from pathlib import Path

from tailrace.ops.documents.api import api_documents
from tailrace.ops.documents.configuration import configuration_page


def files() -> Iterator[tuple[Path, str]]:
    """Each file's place below docs/, and its text."""
    yield Path("configuration.md"), configuration_page()
    for name, text in api_documents().items():
        yield Path("api", name), text

"""Every file below docs/ that is made from the code."""

from collections.abc import Iterator
from pathlib import Path

from tools.documents.api import api_documents
from tools.documents.configuration import configuration_page
from tools.documents.scaling import scaling_page


def files(docs: Path) -> Iterator[tuple[Path, str]]:
    """Each file's place below ``docs``, and its text.

    Raises:
        ConfigurationError: a figure that belongs in one was not measured.
    """
    yield Path("configuration.md"), configuration_page()
    page, benchmarks = ((docs / name).read_text(encoding="utf-8") for name in ("scaling.md", "benchmarks.md"))
    yield Path("scaling.md"), scaling_page(page, benchmarks)
    for name, text in api_documents().items():
        yield Path("api", name), text

"""Every generated file below docs/."""

from collections.abc import Iterator
from pathlib import Path

from tools.documents.api import api_documents
from tools.documents.benchmarks import benchmarks_page, read_results
from tools.documents.chaos import faults_page, read_run
from tools.documents.configuration import configuration_page
from tools.documents.plots import plot_files
from tools.documents.scaling import scaling_page


def files(docs: Path) -> Iterator[tuple[Path, str]]:
    """Each file's place below ``docs``, and its text.

    Raises:
        ConfigurationError: a figure that a page needs was not measured.
    """
    results = read_results(docs)
    yield Path("configuration.md"), configuration_page()
    yield Path("benchmarks.md"), benchmarks_page(results)
    yield Path("scaling.md"), scaling_page((docs / "scaling.md").read_text(encoding="utf-8"), results)
    yield Path("faults.md"), faults_page((docs / "faults.md").read_text(encoding="utf-8"), read_run(docs))
    yield from plot_files(results)
    for name, text in api_documents().items():
        yield Path("api", name), text

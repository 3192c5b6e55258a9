"""Builds the documentation site, with the options of the recipe `docs`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_site(target: Path, *, source: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Builds the site of the repository at ``source``; the caller checks the exit code."""
    recipe = re.search(r'^sphinx := "(.*)"$', (ROOT / "justfile").read_text(), re.MULTILINE)
    assert recipe is not None
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *recipe[1].split(), "-d", target / ".doctrees", source, target],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )

"""The last version whose models are of the previous generation, from this repository's history."""

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from tailrace.embedded.lifetime import die_with_parent

COMMIT = "d565ab3"
REPOSITORY = Path(__file__).parents[2]


def extract(folder: Path) -> Path:
    """Writes the version's code to a folder and returns the path to import it from; skips without the history."""
    archive = subprocess.run(["git", "archive", COMMIT, "src"], cwd=REPOSITORY, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"needs the history of the repository: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


class PreviousVersion:
    """Runs commands of the version with this one's libraries."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def environment_of(self, variables: dict[str, str]) -> dict[str, str]:
        """Returns the environment of its processes, with further variables."""
        return os.environ | {"PYTHONPATH": str(self.path), "TAILRACE_PROJECTION_PORT": "0"} | variables

    def run(self, *arguments: str, environment: dict[str, str]) -> str:
        """Returns the output of a command that succeeds."""
        done = subprocess.run(
            [sys.executable, "-m", "tailrace", *arguments],
            cwd=self.path,  # in the repository, this version's packages come first
            env=self.environment_of(environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    @contextmanager
    def serving(self, service: str, environment: dict[str, str]) -> Iterator[None]:
        """Runs one of its services."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tailrace", "serve", service],
            cwd=self.path,
            env=self.environment_of(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)

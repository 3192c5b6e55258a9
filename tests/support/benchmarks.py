"""Runs ``just bench`` as users do, and checks that nothing of it is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from tailrace.embedded.lifetime import die_with_parent


class Bench:
    """Runs benchmarks with a folder for temporary files of their own; a mark identifies their processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mark = f"bench-{uuid4().hex}"
        self._environment = os.environ | {"TMPDIR": str(folder), "BENCH_TEST_MARK": self._mark}

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tools.benchmarks", *arguments],
            env=self._environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    def measure(self, results: Path, name: str, *arguments: str) -> dict[str, Any]:
        """Runs a benchmark to its end, and returns what it keeps in the file ``results``."""
        process = self.start(name, *arguments, "--write", str(results))
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        self.check_nothing_is_left()
        found: dict[str, Any] = json.loads(results.read_text())[name]
        assert all(row[""] in output for row in found["rows"])
        return found

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("BENCH_TEST_MARK") == self._mark and process.status() != "zombie":
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def check_nothing_is_left(self) -> None:
        assert self.processes() == []
        assert list(self.folder.iterdir()) == []

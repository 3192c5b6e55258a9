"""Runs ``just bench``, and checks that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from dirty_equals import IsPartialDict, IsPositiveInt, IsStr

from tailrace.embedded.lifetime import die_with_parent


class Bench:
    """Runs ``just bench`` with its own temporary folder; an environment variable marks its processes."""

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

    def run(self, *arguments: str, **variables: str) -> str:
        """Runs to the end and returns the output."""
        process = self.start(*arguments, **variables)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        self.check_nothing_is_left()
        return output

    def measure(self, *arguments: str, **variables: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", **variables))
        assert found["machine"] == IsPartialDict(
            cores=IsPositiveInt,
            memory=IsPositiveInt,
            nats=IsStr(regex=r"\d+\.\d+\.\d+"),
            postgres=IsStr(regex=r"\d+\..*"),
        )
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

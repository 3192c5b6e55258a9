"""A shell session and the programs that it starts."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

TIMEOUT = 60.0
"""Seconds."""
STOP_TIMEOUT = 10.0
"""Seconds."""
_END = "the end of what was typed:"
# the first failure counts; -E: in loops and subshells too
_PROLOGUE = "set -mE; trap 'code=$?; [ $failed != 0 ] || failed=$code' ERR"


def until(what: str, happened: Callable[[], bool], output: Callable[[], str] = str) -> None:
    """Polls every 20 ms; the failure message includes ``output()``."""
    deadline = time.monotonic() + TIMEOUT
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen: {output()}"
        time.sleep(0.02)


class Terminal:
    """A bash in a folder. Variables and jobs persist from one input to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._started = 0
        self._typed = folder / "typed.sh"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.type(_PROLOGUE)

    def type(self, text: str, *, code: int = 0) -> str:
        """Runs commands and returns their output. ``code``: the exit code of the first that fails."""
        self._typed.write_text(text + "\n", encoding="utf-8")
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        print(f"failed=0; . {self._typed} </dev/null; echo; echo {_END} $failed", file=self._bash.stdin, flush=True)
        output = ""
        for line in self._bash.stdout:
            if line.startswith(_END):
                assert line == f"{_END} {code}\n", f"{text}\n{line}{output}"
                return output
            output += line
        raise AssertionError(f"the shell has ended: {text}\n{output}")

    def start(self, command: str) -> "Program":
        """Starts a program in the background."""
        self._started += 1
        output = self.folder / f"{self._started}.out"
        pid = int(self.type(f"{command} >{output} 2>&1 &\necho; echo $!").split()[-1])
        return Program(self, pid, output)

    def close(self) -> None:
        """Stops the programs that still run, then the shell."""
        left = psutil.Process(self._bash.pid).children()
        for process in left:
            process.send_signal(signal.SIGINT)
        _, running = psutil.wait_procs(left, STOP_TIMEOUT)
        for process in running:
            process.kill()
        self._bash.communicate()


@dataclass
class Program:
    """A program in the background of a terminal."""

    terminal: Terminal
    pid: int
    output_file: Path

    @property
    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    @property
    def runs(self) -> bool:
        return psutil.pid_exists(self.pid)

    def stop(self) -> None:
        """Stops it as Ctrl-C does."""
        os.kill(self.pid, signal.SIGINT)
        self.ended()

    def ended(self, code: int = 0) -> str:
        """Waits for its end; returns its output."""
        until("its end", lambda: not self.runs, lambda: self.output)
        self.terminal.type(f"wait {self.pid}", code=code)
        return self.output

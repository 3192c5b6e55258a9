"""A shell that stays open, as in a terminal, and the programs that somebody starts there."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE = 60.0
"""Seconds that something may take to happen."""
ENDING = 10.0
"""Seconds that a program may take to end."""
_END = "the end of what was typed:"
# the first failure counts; -E: in loops and subshells too
_PROLOGUE = "set -mE; trap 'code=$?; [ $failed != 0 ] || failed=$code' ERR"


def until(what: str, happened: Callable[[], bool], said: Callable[[], str] = str) -> None:
    """Looks every 20 ms; fails with what was ``said`` meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen: {said()}"
        time.sleep(0.02)


class Terminal:
    """A bash in a folder. Its variables and jobs stay from one input to the next."""

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
        """Runs commands to their end; returns what they say. ``code``: what the first that fails has to end with."""
        self._typed.write_text(text + "\n", encoding="utf-8")
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        print(f"failed=0; . {self._typed} </dev/null; echo; echo {_END} $failed", file=self._bash.stdin, flush=True)
        said = ""
        for line in self._bash.stdout:
            if line.startswith(_END):
                assert line == f"{_END} {code}\n", f"{text}\n{line}{said}"
                return said
            said += line
        raise AssertionError(f"the shell has ended: {text}\n{said}")

    def start(self, command: str) -> "Program":
        """Starts what runs until somebody stops it."""
        self._started += 1
        output = self.folder / f"{self._started}.out"
        pid = int(self.type(f"{command} >{output} 2>&1 &\necho; echo $!").split()[-1])
        return Program(self, pid, output)

    def close(self) -> None:
        """Ends what was started and is left, then the shell."""
        left = psutil.Process(self._bash.pid).children()
        for process in left:
            process.send_signal(signal.SIGINT)
        _, deaf = psutil.wait_procs(left, ENDING)
        for process in deaf:
            process.kill()
        self._bash.communicate()


@dataclass
class Program:
    """Something that runs in the background of a terminal."""

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
        """As Ctrl-C does."""
        os.kill(self.pid, signal.SIGINT)
        self.ended()

    def ended(self, code: int = 0) -> str:
        """Waits for its end; returns what it said."""
        until("its end", lambda: not self.runs, lambda: self.output)
        self.terminal.type(f"wait {self.pid}", code=code)
        return self.output

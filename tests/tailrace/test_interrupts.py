"""Ctrl-C while the program is still loading."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import importlib.abc, os, signal, sys

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == MODULE:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

MODULE, sys.argv = sys.argv[1], ["tailrace", "status"]
sys.meta_path.insert(0, Interrupt())
from tailrace.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["contracts", "typer", "tailrace.cli.main", "tailrace.cli.status", "asyncpg"])
def test_an_interrupted_import_ends_quietly(module: str) -> None:
    """The module is one that the command imports; the signal arrives when it does."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=False)
    assert done.returncode in (-signal.SIGINT, 130, 1)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_package_itself_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import tailrace; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1
    exports = "from tailrace import Rollup, Users; print(Rollup.__name__, Users.__name__)"
    assert subprocess.check_output([sys.executable, "-c", exports], text=True) == "Rollup Users\n"

"""The README's commands in a clean clone, in an empty home folder, with the system's own Python and nothing else."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.up import ANY_PORTS, STOP_TIMEOUT

ROOT = Path(__file__).parents[2]
FIRST_START = 420.0
SECOND_START = 10.0


def clean_clone(target: Path) -> None:
    """What git would give: every file that is tracked, or would be, as it is now."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


@pytest.fixture
def newcomer() -> Iterator[tuple[Path, dict[str, object]]]:
    """A clone, and how to run something there as an ordinary user (as root: ``nobody``)."""
    # not below pytest's own folder, which only its owner can enter
    with tempfile.TemporaryDirectory(prefix="tailrace-newcomer-") as folder:
        Path(folder).chmod(0o755)
        yield _prepare(Path(folder) / "home")


def _prepare(home: Path) -> tuple[Path, dict[str, object]]:
    clone = home / "tailrace"
    clean_clone(clone)
    # no proxy of this project's own tools, no virtual environment, no Python but the system's
    keep = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "UV_INDEX", "LANG"))}
    environment = keep | {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    options: dict[str, object] = {"cwd": clone, "env": environment}
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        for place in [home, *home.rglob("*")]:
            os.chown(place, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return clone, options


@pytest.mark.exclusive
@pytest.mark.timeout(700)
@pytest.mark.skipif(sys.platform != "linux", reason="./just is for Linux")
def test_two_commands_work_for_a_newcomer_and_the_second_start_takes_less_than_10_seconds(
    newcomer: tuple[Path, dict[str, object]],
) -> None:
    clone, options = newcomer
    endpoints = clone / ".tailrace" / "endpoints.json"

    def start(timeout: float) -> float:
        began = time.monotonic()
        with (clone.parent / "output").open("wb") as output:
            process = subprocess.Popen(
                ["./just", "up", *ANY_PORTS],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **options,  # type: ignore[call-overload]
            )
        try:
            while not endpoints.exists():
                said = (clone.parent / "output").read_text()
                assert process.poll() is None, said
                assert time.monotonic() - began < timeout, said
                time.sleep(0.05)
            took = time.monotonic() - began
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            process.wait(STOP_TIMEOUT + 5)
            assert time.monotonic() - began < STOP_TIMEOUT
            said = (clone.parent / "output").read_text()
            assert process.returncode == 0, said
            assert said.strip().splitlines()[-1].startswith("tailrace: stopped"), said
            return took
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    start(FIRST_START)
    assert start(SECOND_START) < SECOND_START
    # the second command, on the part of the tests that needs a server: the whole of it is this run
    tested = subprocess.run(
        ["./just", "test", "tests/runtime", "-q"],
        capture_output=True,
        text=True,
        timeout=200,
        **options,  # type: ignore[call-overload]
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    left = subprocess.run(["git", "-C", str(clone), "status"], capture_output=True, check=False)
    assert left.returncode != 0  # the copy is no repository: nothing that runs may need one

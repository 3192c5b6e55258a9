"""The README's commands in a clean clone with an empty home folder and only the system's Python."""

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
    """Copies every file that git tracks or would add, in its present state."""
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
    """A clone, and a function that runs commands there as an ordinary user (as root: ``nobody``)."""
    # not in pytest's folder, which only its owner can enter
    with tempfile.TemporaryDirectory(prefix="tailrace-newcomer-") as folder:
        Path(folder).chmod(0o755)
        yield _prepare(Path(folder) / "home")


def _prepare(home: Path) -> tuple[Path, dict[str, object]]:
    clone = home / "tailrace"
    clean_clone(clone)
    # without the project's tools, its virtual environment and any other Python
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
                shown = (clone.parent / "output").read_text()
                assert process.poll() is None, shown
                assert time.monotonic() - began < timeout, shown
                time.sleep(0.05)
            took = time.monotonic() - began
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)  # like a terminal
            process.wait(STOP_TIMEOUT + 5)
            assert time.monotonic() - began < STOP_TIMEOUT
            shown = (clone.parent / "output").read_text()
            assert process.returncode == 0, shown
            assert shown.strip().splitlines()[-1].startswith("tailrace: stopped"), shown
            return took
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    start(FIRST_START)
    assert start(SECOND_START) < SECOND_START
    # the second command, on some tests that need a server: all tests are this very run
    tested = subprocess.run(
        ["./just", "test", "tests/runtime/test_log.py", "-q"],
        capture_output=True,
        text=True,
        timeout=200,
        **options,  # type: ignore[call-overload]
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    left = subprocess.run(["git", "-C", str(clone), "status"], capture_output=True, check=False)
    assert left.returncode != 0  # the copy is not a repository, and no command may need one

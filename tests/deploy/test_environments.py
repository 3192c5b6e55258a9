"""The environment of each container: only the credentials and rights that it needs, and every setting."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import AliasChoices

from runtime.log.addresses import read_address
from runtime.log.permissions import PERMISSIONS
from runtime.settings import Settings
from tests.support.compose import ROOT, read_compose, unset_variables, variables_of
from tests.support.dockerfile import read_dockerfile
from tools.documents.configuration import configuration_page

FILES = ("docker-compose.yml", "docker-compose.cluster.yml")
OTHERS = ("POSTGRES_", "GF_", "NATS_", "GRAF_", "TIMESCALEDB_")
"""Variables that other images read."""
COMMANDS = "tailrace"
"""The service that exists only while a command runs."""
NEEDED_BY = {
    "TAILRACE_WRITE_KEY": {"migrate", "producer", COMMANDS},
    "TAILRACE_READ_KEY": {"migrate", COMMANDS},
    "DB_PASS": {"timescaledb", "migrate", "projection", "query", COMMANDS},
    "GRAF_PASS": {"grafana"},
    "GRAF_DB_PASS": {"grafana", "migrate"},
    "NATS_ADMIN_PASS": {"nats", "migrate", COMMANDS},
    "NATS_COMMAND_PASS": {"nats", "command"},
    "NATS_PROJECTION_PASS": {"nats", "projection"},
    "NATS_QUERY_PASS": {"nats", "query"},
    "NATS_PRODUCER_PASS": {"nats"},
}
AS_ROOT = {
    "nats-volume": "gives a new volume, which is root's, to NATS; ends at once, has no network",
    "timescaledb": "its entry point gives the volume to the user postgres and continues as that user",
}
WRITABLE = {
    "timescaledb": "its entry point and timescaledb-tune write outside of the volume at the first start",
    "grafana": "its background installer of plugins writes into the image's own folder of bundled plugins",
}
"""Images with writable files of their own: see docs/decisions/0090-root-and-writable-images-are-exceptions.md."""


def part(service: str) -> str:
    """Returns the service's name in the file of one machine; a cluster has several of each."""
    return re.sub(r"-\d$", "", service)


@pytest.mark.parametrize("file", FILES)
def test_a_container_has_only_the_credentials_it_needs(file: str) -> None:
    secrets = {name: f"secret-{name}" for name in NEEDED_BY}
    found: dict[str, set[str]] = {name: set() for name in secrets}
    for service, described in read_compose(file, secrets)["services"].items():
        for value in described["environment"].values():
            for name in re.findall(r"secret-(\w+)", value):
                found[name].add(part(service))
    assert found == NEEDED_BY
    assert secrets.keys() == {name for name in variables_of(file) if name.endswith(("_PASS", "_KEY"))}


@pytest.mark.parametrize("file", FILES)
def test_every_variable_is_a_setting_and_every_setting_is_unset_variables(file: str) -> None:
    settings = {f"TAILRACE_{name.upper()}" for name in Settings.model_fields}
    known = set(settings)
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            known |= {str(choice) for choice in field.validation_alias.choices}
    traces = set(re.findall(r"OTEL_\w+", configuration_page()))
    given: set[str] = set()
    mine = dict.fromkeys((*unset_variables(file), "TAILRACE_WRITE_KEY", "TAILRACE_READ_KEY"), "of mine")
    for name, service in read_compose(file, mine)["services"].items():
        own = {
            one
            for one in service["environment"]
            if not one.startswith(OTHERS) or service["image"].startswith("tailrace:")
        }
        assert own <= known | traces | ({"DB_NAME"} if name == "grafana" else set()), name
        if service["image"].startswith("tailrace:"):
            assert unset_variables(file) <= service["environment"].keys(), name
            given |= own
    ports = {f"TAILRACE_{name}_PORT" for name in ("COMMAND", "QUERY", "PROJECTION")}
    only_here = {"TAILRACE_DATABASE", "TAILRACE_NATS_CA", "TAILRACE_NATS_CREDS", *ports}
    seeds = {"TAILRACE_DB_USER", "TAILRACE_DB_PASS", "TAILRACE_DB_NAME"}
    assert settings - given == only_here | seeds, "these would not fit the files' own addresses"
    assert traces <= unset_variables(file)


def test_the_users_of_the_containers_have_the_permissions_of_those_of_one_machine() -> None:
    text = re.sub("#.*", "", (ROOT / "deploy/nats/nats.conf").read_text())
    for user, permissions in PERMISSIONS.items():
        part = re.split(r"\{ user: ", text.partition(f"user: {user},")[2])[0]
        for name in ("publish", "subscribe"):
            found = re.search(rf'{name}: (\[[^]]*\]|"[^"]*")', part)
            assert found is not None, (user, name)
            assert set(re.findall('"([^"]*)"', found[1])) == set(permissions[name]), (user, name)
        assert ("allow_responses: true" in part) == permissions.get("allow_responses", False)


@pytest.mark.parametrize("file", FILES)
def test_only_loopback_is_published_and_images_are_pinned(file: str) -> None:
    published: list[str] = []
    for name, service in read_compose(file, {})["services"].items():
        published += service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["image"].partition(":")[2][:1].isdigit(), name
    assert len(published) == len({port.rpartition(":")[0] for port in published})


@pytest.mark.parametrize("file", FILES)
def test_no_container_runs_as_root_or_writes_into_its_image_without_a_reason(file: str) -> None:
    of_image = read_dockerfile(ROOT / "Dockerfile")[-1].values("USER")[0]
    reasons = (ROOT / "docs/decisions/0090-root-and-writable-images-are-exceptions.md").read_text()
    for name, service in read_compose(file, {})["services"].items():
        user = service.get("user", of_image if service["image"].startswith("tailrace:") else "0:0")
        assert not user.startswith("0") or name in AS_ROOT, name
        assert service.get("read_only") or name in WRITABLE, name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("cap_add") or name in AS_ROOT, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in AS_ROOT | WRITABLE:
        assert f"`{name}`" in reasons


@pytest.mark.parametrize("file", FILES)
def test_the_volume_belongs_to_the_nats_server_before_its_start(file: str) -> None:
    services = read_compose(file, {})["services"]
    gives = services["nats-volume"]
    given = {volume.partition(":")[0]: volume.partition(":")[2] for volume in gives["volumes"]}
    assert gives["entrypoint"][3:] == list(given.values())
    for server in (service for name, service in services.items() if part(name) == "nats"):
        assert server["depends_on"] == {"nats-volume": {"condition": "service_completed_successfully"}}
        assert server["user"] == gives["entrypoint"][2]
        assert {volume.partition(":")[0] for volume in server["volumes"] if volume.endswith("/data")} <= given.keys()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_files_of_another_user_belong_to_the_nats_server_afterwards(tmp_path: Path) -> None:
    (tmp_path / "data" / "jetstream").mkdir(parents=True)
    (tmp_path / "data" / "jetstream" / "1.blk").touch()
    words = read_compose(FILES[0], {})["services"]["nats-volume"]["entrypoint"]
    subprocess.run([word.replace("/data", str(tmp_path / "data")) for word in words], check=True)
    assert {file.stat().st_uid for file in (tmp_path / "data", *(tmp_path / "data").rglob("*"))} == {65534}


@pytest.mark.parametrize("file", FILES)
def test_variables_of_the_env_file_are_unset_variables(file: str) -> None:
    variables = {"TAILRACE_RETENTION_DAYS": "90", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    for name, service in read_compose(file, variables)["services"].items():
        assert variables.items() <= service["environment"].items() or not service["image"].startswith("tailrace:"), name
    for name, service in read_compose(file, {})["services"].items():
        assert not variables.keys() & service["environment"].keys(), name


@pytest.mark.parametrize(
    ("variables", "accepted"),
    [
        ("NATS_QUERY_PASS=12345\nNATS_ADMIN_PASS=5m\nNATS_COMMAND_PASS='a.b_c~d-E' # mine\nDB_PASS='it$x'\n", True),
        ("NATS_QUERY_PASS=a,b\n", False),
        ("NATS_QUERY_PASS=$x\n", False),
        ("NATS_QUERY_PASS='a b'\n", False),
        ("export NATS_ADMIN_PASS=it@home\n", False),
        ("", True),
    ],
)
def test_a_password_that_is_invalid_in_an_address_is_refused_before_the_start(
    tmp_path: Path, variables: str, accepted: bool
) -> None:
    """A stand-in for Docker prints its arguments."""
    (tmp_path / "docker").write_text("#!/bin/sh\necho asked for: $*\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "just").write_bytes((ROOT / "just").read_bytes())
    (tmp_path / ".env").write_text(variables)
    started = subprocess.run(
        ["sh", tmp_path / "just", "up", "docker"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("up --build" in started.stdout, started.returncode == 0) == (accepted, accepted), started.stderr
    if not accepted:
        assert "may contain only letters, digits and - . _ ~" in started.stderr


@pytest.mark.parametrize(("exists", "written"), [(True, 2), (False, 9)])
def test_the_first_start_writes_random_secrets_and_keeps_those_of_a_database_that_exists(
    tmp_path: Path, exists: bool, written: int
) -> None:
    """A stand-in for Docker knows only whether the database's volume exists."""
    (tmp_path / "docker").write_text(f"#!/bin/sh\n[ $1 != volume ] || {str(exists).lower()}\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "just").write_bytes((ROOT / "just").read_bytes())
    (tmp_path / ".env").write_text("DB_NAME=mine")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    for _ in range(2):  # the second start changes nothing
        subprocess.run(["sh", tmp_path / "just", "up", "docker"], env=environment, capture_output=True, check=True)
        found = dotenv_values(tmp_path / ".env")
        assert found.pop("DB_NAME") == "mine"
        assert len(set(found.values())) == len(found) == written
        assert all(value and len(value) == 48 for value in found.values())
    assert ("DB_PASS" in found) != exists
    assert "NATS_PRODUCER_PASS" not in found
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o644


def test_every_service_of_the_cluster_has_all_three_nats_addresses() -> None:
    """The file folds the addresses, so line ends and spaces separate them."""
    for name, service in read_compose(FILES[1], {})["services"].items():
        if address := service["environment"].get("TAILRACE_NATS_URL"):
            found = read_address(address)
            assert found.servers == [f"nats://nats-{number}:4222" for number in (1, 2, 3)], name
            assert found.user == {"migrate": "admin", COMMANDS: "admin"}.get(name, part(name))

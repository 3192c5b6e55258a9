"""The command line with its servers set by the environment: output, errors and exit codes."""

import asyncio
import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr

from migrations.streams import ensure_streams
from runtime.log.addresses import shown_address
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from runtime.settings import Settings
from tailrace.embedded.nats import EmbeddedNats
from tailrace.embedded.ports import free_port
from tests.support.events import log_events, some_events
from tests.support.processes import NO_PROJECTION_SERVICE, run_tailrace, running_service, start_service
from tests.support.servers import NatsServer, remove_streams
from tests.support.waiting import until


async def test_each_service_runs_by_environment(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    with (
        running_service(settings, "serve", "command"),
        running_service(settings, "serve", "projection"),
        running_service(settings, "serve", "query"),
    ):
        async with httpx.AsyncClient() as http:

            async def healthy() -> bool:
                try:
                    ports = (settings.command_port, settings.query_port)
                    answers = [await http.get(f"http://127.0.0.1:{port}/health") for port in ports]
                except httpx.HTTPError:
                    return False
                return all(answer.status_code == 200 for answer in answers)

            await until(healthy, timeout=30)
            assert run_tailrace(settings, "produce", "--count", "50", "--rate", "500", "--seed", "1").returncode == 0

            async def counted() -> bool:
                answer = await http.get(f"http://127.0.0.1:{settings.query_port}/stats")
                events: int = answer.json()["totals"]["events"]
                return events == 50

            await until(counted)


async def test_status_shows_the_lag_of_the_read_model(log: LogClient, settings: Settings) -> None:
    await log_events(log, some_events(7))
    result = run_tailrace(settings, "status", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout) == IsPartialDict(
        problems=[NO_PROJECTION_SERVICE],
        lag_events=7,
        log=IsPartialDict(last_seq=7, rejected=0),
        read_model=IsPartialDict(seq=0, parked=0),
    )
    assert "7 events" in run_tailrace(settings, "status").stdout


def test_status_names_a_server_that_does_not_answer_and_exits_with_1(settings: Settings) -> None:
    away = settings.model_copy(update={"nats_url": "nats://someone:secret@127.0.0.1:1"})
    result = run_tailrace(away, "status", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["problems"] == [
        IsStr(regex="no NATS server answers at nats://127.0.0.1:1: .*; start it, or set .* TAILRACE_NATS_URL"),
        NO_PROJECTION_SERVICE,
    ]
    assert "secret" not in result.stdout + result.stderr


@pytest.mark.parametrize("service", ["command", "projection", "query"])
async def test_a_service_without_its_log_names_it_once_waits_and_starts(
    settings: Settings, service: str, tmp_path: Path
) -> None:
    port = free_port()
    away = settings.model_copy(update={"nats_url": f"nats://someone:secret@127.0.0.1:{port}"})
    process = start_service(away, "serve", service, stderr=subprocess.PIPE)
    assert process.stderr is not None
    named = process.stderr.readline().decode()
    assert f"service waits: no NATS server answers at nats://127.0.0.1:{port}" in named
    folder = tmp_path / "nats"
    with tempfile.TemporaryFile() as output:
        server = NatsServer(EmbeddedNats(folder, port), output)
        await asyncio.to_thread(server.start)
        client = await connect_nats(server.url, "test")
        await ensure_streams(client, settings)
        await client.close()
        lines = [named]
        while "listening at" not in lines[-1]:
            lines.append(process.stderr.readline().decode())
            assert lines[-1], lines
        process.terminate()
        _, rest = process.communicate()
        server.stop()
    output_of_service = "".join(lines) + rest.decode()
    assert output_of_service.count("no NATS server answers") == 1
    assert "Traceback" not in output_of_service
    assert "secret" not in output_of_service


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_waits_for_its_log_stops_on_a_signal(settings: Settings, number: signal.Signals) -> None:
    away = settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"})
    process = start_service(away, "serve", "command", stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()
    os.kill(process.pid, number)
    _, rest = process.communicate(timeout=30)
    assert "Traceback" not in rest.decode()


@pytest.mark.parametrize("service", ["command", "projection", "query"])
def test_a_service_prints_its_address(log: LogClient, settings: Settings, service: str) -> None:
    process = start_service(settings, "serve", service, stderr=subprocess.PIPE)
    assert process.stderr is not None
    port = getattr(settings, f"{service}_port") or "[1-9][0-9]+"
    address = re.compile(rf"listening at http://127\.0\.0\.1:{port}\n")
    assert any(address.search(line.decode()) for line in iter(process.stderr.readline, b""))
    process.terminate()
    process.communicate()


def test_a_wrong_setting_is_named(settings: Settings) -> None:
    result = run_tailrace(settings, "serve", "query", TAILRACE_BATCH_SIZE="many")
    assert result.returncode == 1
    assert result.stderr == IsStr(regex=r"tailrace: a setting is wrong: .*batch_size.*integer.*\n")


async def test_migrate_prints_its_changes(log: LogClient, settings: Settings) -> None:
    assert run_tailrace(settings, "migrate").stdout == "the database is up to date\nthe log is up to date\n"
    await remove_streams(log)
    would = run_tailrace(settings, "migrate", "--dry-run").stdout
    assert "would do: the stream ANALYTICS is created" in would
    assert would == run_tailrace(settings, "migrate", "--dry-run").stdout
    assert "\nthe stream ANALYTICS is created\n" in run_tailrace(settings, "migrate").stdout
    wrong = run_tailrace(settings, "migrate", TAILRACE_DATABASE="postgresql://nobody:wrong@127.0.0.1:1/none")
    assert wrong.returncode == 1
    assert wrong.stderr == IsStr(
        regex="tailrace: the database at 127.0.0.1:1/none does not answer: .*; start it, or set .* TAILRACE_DATABASE\n"
    )
    assert "wrong" not in wrong.stderr


def test_an_empty_list_of_rejected_messages_is_named(log: LogClient, settings: Settings) -> None:
    assert run_tailrace(settings, "rejected", "list").stdout == "no rejected messages\n"


def test_version_and_help_answer(settings: Settings) -> None:
    assert run_tailrace(settings, "--version").stdout == IsStr(regex=r"tailrace \d+\.\d+\.\d+\n")
    output = run_tailrace(settings, "--help").stdout
    for command in ("up", "serve", "produce", "import", "migrate", "status", "rejected"):
        assert command in output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://user:p@ss@host:4222", "nats://host:4222"),
        ("tls://token@a,nats://b", "tls://a,nats://b"),
        ("localhost", "localhost"),
    ],
)
def test_addresses_are_shown_without_their_password(url: Any, shown: str) -> None:
    assert shown_address(url) == shown

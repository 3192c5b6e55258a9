"""The producer with a real command service and log."""

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from contracts.errors import ConfigurationError, TailraceError
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.endpoints import service_url
from tailrace.producer.sending import produce
from tests.support.command import serving_command, until_logged
from tests.support.processes import TailraceProcess, running_service, service_environment
from tests.support.recount import recount_log
from tests.support.waiting import until


@pytest.fixture
async def command(settings: Settings, log: LogClient) -> AsyncIterator[str]:
    """The address of a running command service."""
    async with serving_command(settings) as url:
        yield url


def start_producer(settings: Settings, *arguments: str, errors: int) -> TailraceProcess:
    return TailraceProcess(("produce", *arguments), service_environment(settings), stderr=errors)


async def test_exactly_the_requested_number_of_events_is_in_the_log(command: str, log: LogClient) -> None:
    sent: list[int] = []
    accepted = await produce(
        command_url=command, rate=5_000, count=1_234, seed=None, stop=asyncio.Event(), on_sent=sent.append
    )
    assert accepted == sum(sent) == (await log.state()).last_seq == 1_234


async def test_the_same_seed_again_adds_nothing(command: str, log: LogClient) -> None:
    for _ in range(2):
        assert await produce(command_url=command, rate=5_000, count=300, seed=7, stop=asyncio.Event()) == 300
    found = await recount_log(log)
    assert (await log.state()).last_seq == len(found.rows) == 300
    kinds = Counter(kind for kind, *_ in found.rows.values())
    assert kinds["page_view"] > 100


async def test_events_come_at_the_rate_and_as_they_happen(command: str, log: LogClient) -> None:
    started = time.monotonic()
    await produce(command_url=command, rate=50, count=100, seed=7, stop=asyncio.Event())
    assert time.monotonic() - started > 1
    newest = max(at for _, _, at, _, _ in (await recount_log(log)).rows.values())
    assert abs(newest.timestamp() - time.time()) < 5


async def test_events_wait_while_the_command_service_is_down(
    settings: Settings, log: LogClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It is down at the start, is killed with events in flight, and returns."""
    caplog.set_level("INFO", logger="tailrace")
    url = service_url(settings, "command")

    def logged() -> list[str]:
        return [record.message for record in caplog.records if record.name.startswith("tailrace.producer")]

    async def waits_again() -> bool:
        return sum(line.endswith("events wait") for line in logged()) == 2

    producing = asyncio.create_task(produce(command_url=url, rate=200, count=1_500, seed=7, stop=asyncio.Event()))
    with running_service(settings, "serve", "command") as process:
        await until_logged(log, 100)
        process.kill()
        process.wait()
    await until(waits_again)
    async with serving_command(settings):
        assert await producing == 1_500
    assert len((await recount_log(log)).rows) == (await log.state()).last_seq == 1_500
    assert [line.endswith("events wait") for line in logged()] == [True, False, True, False]
    assert logged()[-1] == "the command service accepts events again"


async def test_stopping_is_quick_while_the_command_service_is_down(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    producing = asyncio.create_task(
        produce(command_url=service_url(settings, "command"), rate=100, count=None, seed=7, stop=stop)
    )
    async with asyncio.timeout(10):
        while "events wait" not in caplog.text:
            await asyncio.sleep(0.01)
    stop.set()
    async with asyncio.timeout(5):
        assert await producing == 0


@pytest.mark.parametrize(("rate", "count"), [(0.0, None), (-1.0, None), (float("nan"), None), (1.0, -1)])
async def test_an_invalid_rate_or_count_is_one_sentence(rate: float, count: int | None) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        await produce(command_url="http://127.0.0.1:1", rate=rate, count=count, seed=None, stop=asyncio.Event())


async def test_an_address_without_a_command_service_is_one_sentence(command: str) -> None:
    with pytest.raises(TailraceError, match="there is nothing at /elsewhere/events"):
        await produce(command_url=f"{command}/elsewhere", rate=100, count=1, seed=None, stop=asyncio.Event())


def test_the_settings_name_the_address_of_the_command_service() -> None:
    assert service_url(Settings(host="0.0.0.0", command_port=8081), "command") == "http://127.0.0.1:8081"
    assert service_url(Settings(host="::", command_port=8081), "command") == "http://[::1]:8081"
    assert service_url(Settings(host="192.0.2.1", command_port=8081), "command") == "http://192.0.2.1:8081"
    assert service_url(Settings(command_url="http://command:80/", command_port=0), "command") == "http://command:80"
    with pytest.raises(ConfigurationError, match="TAILRACE_COMMAND_URL"):
        service_url(Settings(command_port=0), "command")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_service_stops_in_order_on_a_signal(
    settings: Settings, log: LogClient, command: str, number: signal.Signals
) -> None:
    process = start_producer(settings, "--rate", "200", errors=subprocess.PIPE)
    try:
        await until_logged(log, 20)
        process.send_signal(number)
        _, errors = await asyncio.to_thread(process.communicate, timeout=5)
    finally:
        process.kill()
    assert process.returncode == 0
    shown = errors.decode()
    assert f"sent {(await log.state()).last_seq:,} events in total" in shown
    assert "Traceback" not in shown

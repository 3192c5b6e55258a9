import asyncio
import logging
import os
import signal

import pytest

from contracts.errors import ConfigurationError, LogUnavailableError, UnavailableError
from runtime.supervise import Outage, retry, run_through_outages, sleep_until_stop, stop_on_signals

logger = logging.getLogger("tailrace.test")


async def test_work_is_retried_until_it_returns_and_a_repeated_message_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger.name)
    outage = Outage(logger, "waiting", "recovered")
    errors = iter([LogUnavailableError("a"), LogUnavailableError("b"), LogUnavailableError("a"), OSError()])

    async def work() -> None:
        for error in errors:
            raise error
        outage.end()

    await retry(work, asyncio.Event(), on=(UnavailableError, OSError), outage=outage, first=0)
    outage.end()
    assert caplog.messages == ["waiting: a", "waiting: b", "waiting: OSError", "recovered"]


async def test_no_wait_is_longer_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(stop: asyncio.Event, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 20:
            stop.set()

    async def work() -> None:
        raise LogUnavailableError("gone")

    monkeypatch.setattr("runtime.supervise.sleep_until_stop", note)
    outage = Outage(logger, "waiting")
    await retry(work, asyncio.Event(), on=UnavailableError, outage=outage)
    assert max(waits) < 2
    waits.clear()
    before = signal.getsignal(signal.SIGTERM)
    await run_through_outages(work, outage)
    assert max(waits) < 2
    assert signal.getsignal(signal.SIGTERM) is before


async def test_other_errors_are_raised() -> None:
    async def work() -> None:
        raise ConfigurationError("wrong")

    with pytest.raises(ConfigurationError, match="wrong"):
        await retry(work, asyncio.Event(), on=UnavailableError, outage=Outage(logger, "waiting"))


async def test_a_stop_ends_the_wait_for_the_next_try() -> None:
    stop = asyncio.Event()

    async def work() -> None:
        stop.set()
        raise LogUnavailableError("gone")

    async with asyncio.timeout(5):
        await retry(work, stop, on=UnavailableError, outage=Outage(logger, "waiting"), first=60, longest=60)


async def test_a_message_is_logged_again_after_a_long_run(caplog: pytest.LogCaptureFixture) -> None:
    tries = iter(range(3))

    async def work() -> None:
        if next(tries, None) is not None:
            await asyncio.sleep(0)  # longer than the longest delay, which is 0 here
            raise LogUnavailableError("gone")

    await retry(work, asyncio.Event(), on=UnavailableError, outage=Outage(logger, "waiting"), first=0, longest=-1)
    assert caplog.messages == ["waiting: gone"] * 3


async def test_a_signal_sets_the_stop_event() -> None:
    loop = asyncio.get_running_loop()
    try:
        stop = stop_on_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        await sleep_until_stop(stop, 10)
        assert stop.is_set()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

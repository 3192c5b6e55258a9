"""The progress bar of a replay on a terminal."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events, some_events
from tests.support.processes import start_service

ERASE = b"\x1b[2K"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Screen:
    """The output of a program on its own terminal."""

    def __init__(self, inside: int, outside: int) -> None:
        self.inside = inside
        """The program's end; the test closes it after the start."""
        self._outside = outside
        self.written = b""

    @property
    def text(self) -> str:
        return CONTROL.sub("", self.written.decode(errors="replace"))

    async def until(self, pattern: str) -> "re.Match[str]":
        """Waits until the output matches ``pattern``."""
        async with asyncio.timeout(60):
            while (found := re.search(pattern, self.text)) is None:
                self.written += await asyncio.to_thread(os.read, self._outside, 65_536)
        return found

    async def read_to_end(self) -> None:
        """Reads until every process has closed the terminal."""
        with suppress(OSError):  # Linux raises it at the end of a terminal
            while more := await asyncio.to_thread(os.read, self._outside, 65_536):
                self.written += more


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    """A terminal."""
    outside, inside = os.openpty()
    yield Screen(inside, outside)
    os.close(outside)


async def test_a_terminal_shows_the_position_rate_and_time_left_of_a_replay(
    log: LogClient, settings: Settings, screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await log_events(log, some_events(1_000))
    epoch = (await log.state()).epoch
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    small = settings.model_copy(update={"batch_size": 10})
    with (tmp_path / "output").open("w+b") as output:
        process = start_service(small, "replay", "--share", "0.05", stdout=output, stderr=screen.inside)
        os.close(screen.inside)
        bar = await screen.until(
            rf"replaying \S+ +(\d+)/1000 ([\d,]*[1-9][\d,]*)/s \d:\d\d:\d\d {epoch}:(\d+):[0-9a-f]{{16}}"
        )
        assert 0 < int(bar[1]) < 1_000
        assert bar[1] == bar[3]
        process.send_signal(signal.SIGINT)
        await screen.read_to_end()
        assert await asyncio.to_thread(process.wait) == 1
        output.seek(0)
        [last] = output.read().decode().splitlines()
        assert re.fullmatch(
            rf"\d+ of 1,000 log entries, [\d,]+/s, at {epoch}:\d+:\w+; interrupted, run the same command to resume",
            last,
        )
    assert screen.written.endswith(ERASE)

"""Restarts of a child process of ``up``: their delays, and their order after a dependency."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tailrace.up.child import Child
from tests.support.waiting import until


class Watched:
    """A child that is watched, and the sentences about it."""

    def __init__(self, child: Child, dependency: Child | None = None) -> None:
        self.sentences: list[str] = []
        self._child = child
        self._dependency = dependency
        self._changed = asyncio.Event()

    def changed(self, sentence: str) -> None:
        self.sentences.append(sentence)
        if self._dependency is not None and "restarted" in sentence:
            self._dependency.started_at = time.monotonic()  # as if it had restarted as well
        self._changed.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(30):
            while len(self.sentences) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.sentences[:count]


@asynccontextmanager
async def watching(watched: Watched, child: Child) -> AsyncIterator[Watched]:
    stop = asyncio.Event()
    await child.start()
    watcher = asyncio.create_task(child.watch(stop, watched.changed))
    yield watched
    stop.set()
    await watcher
    await child.stop(1)


@pytest.fixture
async def dependency(tmp_path: Path) -> AsyncIterator[Child]:
    child = Child("server", ["sleep", "60"], tmp_path / "server.log", {})
    yield child
    await child.stop(5)


def failing(folder: Path, *depends_on: Child) -> Child:
    return Child("service", ["sh", "-c", "exit 3"], folder / "service.log", {}, depends_on=depends_on)


def delays(sentences: list[str]) -> list[str]:
    return re.findall(r"restarting (.*)", "\n".join(sentences))


async def test_the_delays_of_a_failing_child_double(tmp_path: Path) -> None:
    child = failing(tmp_path)
    async with watching(Watched(child), child) as watched:
        sentences = await watched.until(5)
    assert sentences[0] == "service exited (exit code 3); restarting in 0.2 s"
    assert delays(sentences) == ["in 0.2 s", "in 0.4 s", "in 0.8 s"]


async def test_a_child_that_is_killed_again_and_again_is_back_after_a_second(tmp_path: Path) -> None:
    child = Child("service", ["sh", "-c", "kill -9 $$"], tmp_path / "service.log", {})
    async with watching(Watched(child), child) as watched:
        sentences = await watched.until(11)
    assert delays(sentences) == ["in 0.2 s", "in 0.4 s", "in 0.8 s", "in 1 s", "in 1 s", "in 1 s"]


async def test_a_restart_of_a_dependency_does_not_lengthen_the_delay(tmp_path: Path, dependency: Child) -> None:
    await dependency.start()
    child = failing(tmp_path, dependency)
    async with watching(Watched(child, dependency), child) as watched:
        assert delays(await watched.until(5)) == ["in 0.2 s", "in 0.2 s", "in 0.2 s"]


async def test_a_restart_waits_for_a_dependency(tmp_path: Path, dependency: Child) -> None:
    child = failing(tmp_path, dependency)
    async with watching(Watched(child), child) as watched:
        assert delays(await watched.until(1)) == ["after server"]
        await dependency.start()
        assert "service restarted" in (await watched.until(2))[1]


async def test_a_large_log_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailrace.up.child.MAX_LOG", 10)
    log, rotated = tmp_path / "service.log", tmp_path / "service.log.1"
    log.touch(mode=0o600)
    child = Child("service", ["sh", "-c", "echo a long line; read go < go; echo short"], log, {})
    os.mkfifo(tmp_path / "go")
    child.command[2] = child.command[2].replace("< go", f"< {tmp_path}/go")
    await child.start()

    async def has_written() -> bool:
        return log.stat().st_size > 10

    await until(has_written)
    child.rotate_log()
    (tmp_path / "go").write_text("on\n")
    assert child.process is not None
    await child.process.wait()
    child.rotate_log()
    assert (rotated.read_text(), log.read_text()) == ("a long line\n", "short\n")
    assert rotated.stat().st_mode & 0o777 == 0o600

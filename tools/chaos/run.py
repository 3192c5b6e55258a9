"""A run: the system, its load, one fault after the other, and the checks at the end."""

import asyncio
import json
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from msgspec import Struct, field

from tools.chaos.checker import examine, run_command
from tools.chaos.faults import KILLS, Fault, cause, schedule
from tools.chaos.system import SERVICES, ChaosSystem, running_system
from tools.chaos.workload import Workload

RECOVERY = 60.0
"""Seconds within which an event must be stored and counted after a fault."""
CALM = 1.0
"""Seconds between a recovery and the next fault."""
MOST_MEMORY, MOST_FILES = 700_000_000, 400
"""Bounds of a service: bytes of resident memory, open files and sockets."""
TURN = 0.25
"""Seconds that the event loop of a service should not be blocked."""


class Occurrences(Struct):
    """A fault's part in a run: ``slowest`` is the longest time, s, from its end to a stored and counted event."""

    times: int = 0
    slowest: float = 0.0


class Result(Struct):
    """What a run did and found; ``docs/chaos.json`` keeps it."""

    seed: int
    seconds: float
    faults: dict[str, Occurrences] = field(default_factory=dict)
    kills: int = 0
    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged events that are not in the log."""
    doubled: int = 0
    """Ids that are counted more than once."""
    refused: int = 0
    streamed: int = 0
    memory: dict[str, int] = field(default_factory=dict)
    """The most bytes of resident memory, by service."""
    files: dict[str, int] = field(default_factory=dict)
    answers_ms: dict[str, float] = field(default_factory=dict)
    """The slowest answer of ``/health/live`` while nothing was disturbed, by service."""
    differences: list[str] = field(default_factory=list)


class Run:
    """One run in a temporary folder."""

    def __init__(self, seed: int, seconds: float, say: Callable[[str], None]) -> None:
        self.result = Result(seed, seconds)
        self._chance = random.Random(seed)
        self._say = say
        self._calm = False

    async def run(self) -> Result:
        """Runs everything; the folder stays if something differs."""
        folder = make_folder()
        async with running_system(folder) as system:
            endpoints = system.endpoints
            workload = Workload(endpoints.command, endpoints.query, system.nats.url_of("producer"), self.result.seed)
            async with workload.running(), self._measured(system):
                await self._disturb(system, workload, folder)
                workload.stop_producing()
                await self._until_settled(workload, folder)
            history = workload.history
            findings = await examine(system, history, folder)
        self.result.lost, self.result.doubled = findings.lost, findings.doubled
        self.result.differences += findings.differences
        self.result.sent, self.result.acknowledged = history.sent, len(history.acknowledged)
        self.result.refused, self.result.streamed = history.refused, sum(map(len, history.streams))
        self._check_bounds()
        if self.result.differences:
            self._say(f"the files stay in {folder}")
        else:
            shutil.rmtree(folder)
        return self.result

    async def _disturb(self, system: ChaosSystem, workload: Workload, folder: Path) -> None:
        occurred: defaultdict[str, Occurrences] = defaultdict(Occurrences)
        self.result.faults = occurred
        deadline = time.monotonic() + self.result.seconds
        while time.monotonic() < deadline:
            await self._rest()
            faults, seconds = schedule(self._chance)
            await asyncio.gather(*(cause(one, system, self._last(one, seconds, folder)) for one in faults))
            name = " and ".join(one.name for one in faults)
            took = await self._recovery(name, system, workload, folder)
            for one in faults:
                found = occurred[one.name]
                found.times, found.slowest = found.times + 1, max(found.slowest, round(took, 2))
                self.result.kills += one in KILLS
            self._say(f"{name} for {seconds:.1f} s: recovered in {took:.1f} s")

    async def _rest(self) -> None:
        self._calm = True
        await asyncio.sleep(CALM)
        self._calm = False

    async def _last(self, fault: Fault, seconds: float, folder: Path) -> None:
        """Waits; while no event can be stored, ``tailrace status`` must name it."""
        await asyncio.sleep(seconds)
        if fault.stores:
            return
        code, output = await run_command("status", folder)
        if code == 0:
            self.result.differences.append(f"{fault.name}: `tailrace status` says that all is well: {output}")

    async def _recovery(self, name: str, system: ChaosSystem, workload: Workload, folder: Path) -> float:
        """Returns the seconds until an event is stored and counted."""
        began = time.monotonic()
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while time.monotonic() < began + RECOVERY:
                with suppress(httpx.HTTPError):
                    if await _is_counted(http, system, workload):
                        return time.monotonic() - began
                await asyncio.sleep(0.1)
        _, status = await run_command("status", folder)
        self.result.differences.append(f"{name}: no recovery within {RECOVERY:.0f} s; status says: {status}")
        return time.monotonic() - began

    async def _until_settled(self, workload: Workload, folder: Path) -> None:
        """Waits until everything in the log is counted, and every client has it."""
        deadline = time.monotonic() + RECOVERY
        while time.monotonic() < deadline:
            _, output = await run_command("status", folder, "--json")
            status = json.loads(output)
            ends = [stream[-1][0] if stream else 0 for stream in workload.history.streams]
            if (status["lag_events"], status["log"]["waiting_in_inbox"], min(ends)) == (
                0,
                0,
                status["log"]["last_seq"],
            ):
                return
            await asyncio.sleep(0.2)
        self.result.differences.append(f"not everything is counted and streamed {RECOVERY:.0f} s after the end")

    @asynccontextmanager
    async def _measured(self, system: ChaosSystem) -> AsyncIterator[None]:
        measuring = [asyncio.create_task(self._measure(system, name)) for name in SERVICES]
        try:
            yield
        finally:
            for one in measuring:
                one.cancel()

    async def _measure(self, system: ChaosSystem, name: str) -> None:
        url = f"{getattr(system.endpoints, name)}/health/live"
        result = self.result
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while True:
                await asyncio.sleep(0.2)
                with suppress(psutil.Error, httpx.HTTPError):
                    process = psutil.Process(system.children[name].pid)
                    began, calm = time.monotonic(), self._calm
                    await http.get(url)
                    # before it answers, a process that was just forked still has this program's memory
                    result.memory[name] = max(result.memory.get(name, 0), process.memory_info().rss)
                    result.files[name] = max(result.files.get(name, 0), process.num_fds())
                    if calm and self._calm:
                        took = round((time.monotonic() - began) * 1e3, 1)
                        result.answers_ms[name] = max(result.answers_ms.get(name, 0), took)

    def _check_bounds(self) -> None:
        for name in SERVICES:
            if (memory := self.result.memory.get(name, 0)) > MOST_MEMORY:
                self.result.differences.append(f"{name} used {memory:,} bytes of memory")
            if (files := self.result.files.get(name, 0)) > MOST_FILES:
                self.result.differences.append(f"{name} had {files} open files")


def make_folder() -> Path:
    """Creates a temporary folder that the user of Postgres can reach."""
    folder = Path(tempfile.mkdtemp(prefix="tailrace-chaos-"))
    folder.chmod(0o755)
    return folder


async def _is_counted(http: httpx.AsyncClient, system: ChaosSystem, workload: Workload) -> bool:
    event_id, event = workload.make_event()
    workload.history.sent += 1
    answer = await http.post(f"{system.endpoints.command}/events", content=event)
    if answer.status_code != 202:
        return False
    workload.history.acknowledged.add(event_id)
    asked: dict[str, Any] = {"min_cursor": answer.json()["cursor"], "event_type": "page_view"}
    return (await http.get(f"{system.endpoints.query}/stats", params=asked)).status_code == 200

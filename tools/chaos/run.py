"""A run: the system, its load, one fault after the other, and the checks at the end."""

import asyncio
import json
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from tools.chaos.checker import examine, run_command
from tools.chaos.faults import KILLS, OTHERS, Fault, cause
from tools.chaos.measuring import beyond_bounds, measured
from tools.chaos.overload import overload
from tools.chaos.recovery import LONGEST, Seconds, measure_recovery
from tools.chaos.result import Occurrences, Result
from tools.chaos.schedule import OVERLOAD, Schedule, costly_faults
from tools.chaos.system import ChaosSystem, running_system
from tools.chaos.workload import Workload

CALM = 1.0
"""Seconds between a recovery and the next fault."""
SHORT = 2.0
"""Seconds that a chosen fault lasts, unless it has a time of its own."""
LONG = 240.0
"""Seconds from which a run has the costly faults, too."""


class Run:
    """One run in a temporary folder: of random faults for some seconds, or of ``chosen`` ones, once each."""

    def __init__(self, seed: int, seconds: float, say: Callable[[str], None], chosen: Collection[str] = ()) -> None:
        self.result = Result(seed, seconds)
        self._say = say
        self._chosen = chosen
        self._costly = bool(chosen) or seconds >= LONG

    async def run(self) -> Result:
        """Runs everything; the services' output stays if something differs."""
        folder, result = make_folder(), self.result
        async with running_system(folder / "data", own_disks=self._costly) as system:
            endpoints = system.endpoints
            workload = Workload(endpoints.command, endpoints.query, system.nats.url_of("producer"), result.seed)
            async with workload.running(), measured(system, result):
                await self._disturb(system, workload, folder / "data")
                workload.stop_producing()
                await self._until_settled(workload, folder / "data")
            history = workload.history
            findings = await examine(system, history, folder / "data")
            shutil.copytree(folder / "data" / "logs", folder / "logs")  # a file system of its own is gone later
        timings = result.seconds >= LONG and not self._chosen  # a test must not depend on the machine's speed
        result.lost, result.doubled = findings.lost, findings.doubled
        result.differences += [*findings.differences, *beyond_bounds(result, timings=timings)]
        result.sent, result.acknowledged = history.sent, len(history.acknowledged)
        result.refused, result.streamed = history.refused, sum(map(len, history.streams))
        if result.differences:
            (folder / "logs" / "supervision.log").write_text("\n".join(system.said) + "\n")
            self._say(f"the output of all processes stays in {folder / 'logs'}")
        else:
            shutil.rmtree(folder)
        return result

    async def _disturb(self, system: ChaosSystem, workload: Workload, folder: Path) -> None:
        occurred: defaultdict[str, Occurrences] = defaultdict(Occurrences)
        self.result.faults = occurred
        costly: list[Fault] = []
        if self._costly:
            costly, self.result.skipped = costly_faults(system)
        for sentence in self.result.skipped:
            self._say(f"skipped: {sentence}")
        schedule: Iterable[tuple[list[Fault], float]] = Schedule(random.Random(self.result.seed), costly)
        if self._chosen:
            known = {one.name: one for one in (*KILLS, *OTHERS, *costly)}
            schedule = [([known[name]], known[name].seconds or SHORT) for name in self._chosen if name in known]
        deadline = time.monotonic() + self.result.seconds
        for faults, seconds in schedule:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(CALM)
            await asyncio.gather(
                *(cause(one, system, self._last(one, seconds, system, workload, folder)) for one in faults)
            )
            name = " and ".join(one.name for one in faults)
            took = await self._recovery(name, system, workload, folder)
            for one in faults:
                occurred[one.name].note(took)
                self.result.kills += one in KILLS
            self._say(f"{name} for {seconds:.1f} s: {took}")

    async def _last(self, fault: Fault, seconds: float, system: ChaosSystem, workload: Workload, folder: Path) -> None:
        """Waits; while no event can be stored or counted, ``tailrace status`` must name it."""
        if fault.name == OVERLOAD:
            work = overload(system.endpoints.command, workload, self.result.overload)
            await asyncio.wait([task := asyncio.create_task(work)], timeout=seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        await asyncio.sleep(seconds)
        if fault.works:
            return
        code, output = await run_command("status", folder)
        if code == 0:
            self.result.differences.append(f"{fault.name}: `tailrace status` says that all is well: {output}")

    async def _recovery(self, name: str, system: ChaosSystem, workload: Workload, folder: Path) -> Seconds:
        try:
            return await measure_recovery(system, workload)
        except TimeoutError:
            _, status = await run_command("status", folder)
            self.result.differences.append(f"{name}: no recovery within {LONGEST:.0f} s; status says: {status}")
            return {}

    async def _until_settled(self, workload: Workload, folder: Path) -> None:
        """Waits until everything in the log is counted, and every client has it."""
        deadline = time.monotonic() + LONGEST
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
        self.result.differences.append(f"not everything is counted and streamed {LONGEST:.0f} s after the end")


def make_folder() -> Path:
    """Creates a temporary folder that the user of Postgres can reach."""
    folder = Path(tempfile.mkdtemp(prefix="tailrace-chaos-"))
    folder.chmod(0o755)
    return folder

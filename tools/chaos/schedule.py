"""Which fault happens when: the order and the lengths follow from the seed."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Self

from tools.chaos.clocks import LIBRARIES, find_library, set_clock
from tools.chaos.damage import DAMAGES, damage
from tools.chaos.disks import Disk
from tools.chaos.faults import KILLS, OTHERS, Fault, nothing
from tools.chaos.system import SERVERS, SERVICES, ChaosSystem

KILL_SHARE = 0.6
"""Of all faults: most of the rest of the world's troubles look like the end of a process to the others."""
SECOND_SHARE = 0.25
"""Of the cheap faults: with these, a process is killed at the same time."""
COSTLY_EVERY = 8
"""Faults until a costly one, if there are any."""
LONGEST = 4.0
"""Seconds that a fault lasts."""
OUTAGE = 20.0
FULL = 25.0
"""Seconds that a server is away, and that its disk is full."""
OVERLOAD = "64 requests of 500 events at once"


class Schedule:
    """An endless sequence of faults. Costly ones take turns in a random order, so that a long run has them all."""

    def __init__(self, chance: random.Random, costly: Sequence[Fault]) -> None:
        self._chance = chance
        self._costly = list(costly)
        self._turn: list[Fault] = []
        self._number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[list[Fault], float]:
        """Returns the next one or two faults, which happen at the same time, and how long they last, s."""
        chance = self._chance
        self._number += 1
        if self._costly and self._number % COSTLY_EVERY == 0:
            self._turn = self._turn or chance.sample(self._costly, len(self._costly))
            fault = self._turn.pop()
            return [fault], fault.seconds or chance.uniform(0.2, LONGEST)
        faults = [chance.choice(KILLS if chance.random() < KILL_SHARE else OTHERS)]
        if faults[0].works and chance.random() < SECOND_SHARE:
            faults.append(chance.choice(KILLS))
        return faults, chance.uniform(0.2, LONGEST)


def costly_faults(system: ChaosSystem) -> tuple[list[Fault], list[str]]:
    """Returns the faults that take long or need something of the machine, and why some can't happen."""
    faults, missing = [*_outages(), *_damages(), Fault(OVERLOAD, nothing, nothing, seconds=10.0)], []
    if system.disks:
        faults += _full_disks(system.disks)
    else:
        missing.append("no full disks: a file system of its own needs root and mount")
    if find_library():
        faults += _clocks()
    else:
        missing.append(f"no wrong clocks: /{LIBRARIES} is missing; on Debian it is in the package faketime")
    return faults, missing


def _outages() -> list[Fault]:
    async def hold(name: str, system: ChaosSystem) -> None:
        await system.hold(name)

    async def release(name: str, system: ChaosSystem) -> None:
        await system.release(name)

    return [
        Fault(f"{name} away", partial(hold, name), partial(release, name), works=False, seconds=OUTAGE)
        for name in SERVERS
    ]


def _damages() -> list[Fault]:
    return [Fault(name, partial(damage, file, change), nothing, seconds=1.0) for name, file, change in DAMAGES]


def _full_disks(disks: dict[str, Disk]) -> list[Fault]:
    async def fill(disk: Disk, _: ChaosSystem) -> None:
        disk.fill()

    async def empty(disk: Disk, _: ChaosSystem) -> None:
        disk.empty()

    return [
        Fault(f"disk of {name} full", partial(fill, disk), partial(empty, disk), works=False, seconds=FULL)
        for name, disk in disks.items()
    ]


def _clocks() -> list[Fault]:
    return [
        Fault(f"clock of {name} off by {offset}", partial(set_clock, name, offset), partial(set_clock, name, ""))
        for name in SERVICES
        for offset in ("+3h", "-3h")
    ]

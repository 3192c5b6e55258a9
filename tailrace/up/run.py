"""Runs the system: starts, watches and stops it, and shows its state."""

import asyncio
from contextlib import suppress
from pathlib import Path

from contracts.errors import LogLostError
from migrations.upcasters import load_upcasters
from runtime.settings import Settings
from runtime.supervise import sleep_until_stop, stop_on_signals, unless_stopped
from tailrace.embedded.ports import Ports
from tailrace.endpoints import endpoints_file
from tailrace.up.folder import claimed, end_leftovers
from tailrace.up.full_disk import FullDisk
from tailrace.up.panel import PlainDisplay, make_display
from tailrace.up.system import System
from tailrace.up.upgrade import Upgrade
from tailrace.up.vitals import Vitals

REFRESH = 0.5


async def run_up(
    data_dir: Path, settings: Settings, wanted: Ports, *, rate: float | None, offline_rebuild: bool = False
) -> None:
    """Runs everything in ``data_dir`` until SIGINT or SIGTERM. Without a ``rate`` no producer starts.

    Builds a new read model if an earlier version made the live one; ``offline_rebuild`` drops the old one first.

    Raises:
        TailraceError: a part can't be started.
    """
    load_upcasters(settings)  # their errors come before any start
    stop = stop_on_signals()
    with claimed(data_dir), make_display() as display:
        # leftovers of an earlier run may still hold the ports
        await asyncio.to_thread(end_leftovers, data_dir)
        system = System(data_dir, wanted.choose(), settings, rate=rate, offline_rebuild=offline_rebuild)
        try:
            await unless_stopped(_start(system, display, data_dir), stop)
            if not stop.is_set():
                await _watch(system, display, data_dir, stop)
        finally:
            stop.set()
            display.step("stopping")
            await system.stop()
    display.say(f"stopped; the data stays in {data_dir}")


async def _start(system: System, display: PlainDisplay, data_dir: Path) -> None:
    first = "creating the database (first start), " if not system.postgres.is_initialized else ""
    display.step(f"{first}starting NATS and Postgres")
    try:
        await system.start_servers()
    except LogLostError as error:
        display.say(f"{error}. Waiting for an operator's decision")
        system.endpoints.write(data_dir)
        await _until_log_exists(system)
    display.step("starting the services")
    await system.start_services()


async def _until_log_exists(system: System) -> None:
    while True:
        with suppress(LogLostError):
            return await system.prepare_streams()
        await asyncio.sleep(REFRESH)


async def _watch(system: System, display: PlainDisplay, data_dir: Path, stop: asyncio.Event) -> None:
    system.endpoints.write(data_dir)
    display.ready(system.endpoints)

    def changed(sentence: str) -> None:
        display.say(sentence)
        with suppress(OSError):  # on a full disk, the restarts continue
            system.endpoints.write(data_dir)

    watchers = [asyncio.create_task(child.watch(stop, changed)) for child in system.children.values()]
    upgrade = Upgrade(data_dir, system.endpoints.database, display).run()
    watchers.append(asyncio.create_task(upgrade))
    vitals = Vitals(system.endpoints.query)
    full_disk = FullDisk(system.children["nats"], system.nats.data_dir, system.endpoints.command)
    try:
        while not stop.is_set():
            display.show(system.children, await vitals.read())
            for child in system.children.values():
                child.rotate_log()
            if not endpoints_file(data_dir).exists():
                changed(f"{endpoints_file(data_dir)} is gone: writing it again")
            if sentence := await full_disk.check():
                display.say(sentence)
            await sleep_until_stop(stop, REFRESH)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await vitals.close()

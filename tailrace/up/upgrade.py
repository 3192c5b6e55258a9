"""After an upgrade: builds the new read model while readers see the old one, and shows it if it is right.

It runs the commands that a user would run elsewhere: `tailrace replay` and `tailrace cutover`.
"""

import asyncio
import json
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg

from contracts.errors import TailraceError
from migrations.catalogue import Model, list_models, live_of
from migrations.generations import successor_of
from migrations.pipeline import delete_projector_error, record_projector_error
from runtime.postgres import UNAVAILABLE, connected, read_sql
from tailrace.embedded.lifetime import die_with_parent
from tailrace.up.panel import PlainDisplay

NEEDED = 1.2
"""The space that a new model needs, as a multiple of the old one's size: its own, and the database's log of changes."""
RESTART_DELAY = 1.0


class Upgrade:
    """The upgrade of the database of one run in a data folder."""

    def __init__(self, data_dir: Path, database: str, display: PlainDisplay) -> None:
        self._data_dir = data_dir
        self._database = database
        self._display = display

    async def run(self) -> None:
        """Does nothing if the live model is of this version's generation. Otherwise readers see it until the cutover.

        If the new model is not shown, the reason is recorded for ``tailrace status``. Cancel it to stop it.
        """
        try:
            await self._upgrade()
        except (TailraceError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            self._display.say(f"the upgrade of the read model stopped ({error}): start again to resume it")

    async def _upgrade(self) -> None:
        async with connected(self._database, name="up") as connection:
            models = await list_models(connection)
            live, successor = live_of(models), successor_of(models)
            if live.is_current:
                return
            self._display.say(f"an earlier version made {live.name}: readers see it while its successor is built")
            await delete_projector_error(connection, live.name)
            problem = await self._space_problem(connection, live, successor)
        done, said = not problem, problem
        if done and (successor is None or successor.state == "building"):
            done, said = await self._run("replay", "--share", "1", "--json")
        if done:
            self._display.progress = "verifying the new read model"
            done, said = await self._run("cutover")
        self._display.progress = ""
        self._display.say(said if done else f"readers still see {live.name}: {said}")
        if not done:
            async with connected(self._database, name="up") as connection:
                await record_projector_error(connection, live.name, said)

    async def _space_problem(self, connection: "asyncpg.Connection", live: Model, successor: Model | None) -> str:
        size_of = read_sql("tailrace", "model_size")
        needed = NEEDED * await connection.fetchval(size_of, [live.name])
        if successor is not None:
            needed -= await connection.fetchval(size_of, [successor.name, successor.ledger])
        free = shutil.disk_usage(self._data_dir).free
        if free >= needed:
            return ""
        return (
            f"its successor needs {needed / 1e6:,.0f} MB, and {self._data_dir} has {free / 1e6:,.0f} MB free: make "
            "room and start again, or run `tailrace up --offline-rebuild`, which drops the old model first"
        )

    def _show_step(self, line: str) -> None:
        with suppress(ValueError):
            step = json.loads(line)
            self._display.progress = (
                f"building the new read model: {step['done']:,} of {step['of']:,} log entries "
                f"({step['per_second']:,}/s)"
            )

    async def _run(self, *arguments: str) -> tuple[bool, str]:
        """Runs a command, and again if it is killed. Returns whether it succeeds, and its last line."""
        while True:
            code, last = await self._run_once(arguments)
            if code >= 0:
                return code == 0, last.removeprefix("tailrace: ")
            await asyncio.sleep(RESTART_DELAY)

    async def _run_once(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tailrace", *arguments, "--data-dir", str(self._data_dir)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        last = ""
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                last = line.decode(errors="replace").strip()
                self._show_step(last)
            return await process.wait(), last
        finally:
            with suppress(ProcessLookupError):
                process.terminate()

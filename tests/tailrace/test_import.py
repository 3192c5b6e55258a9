"""The importer with a real command service and log."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dirty_equals import IsFloat, IsStr

from contracts.cursors import Cursor
from contracts.errors import ConfigurationError, TailraceError
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.command_client import CommandClient, CommandUnavailableError
from tailrace.endpoints import service_url
from tailrace.importer.files import STDIN
from tailrace.importer.importer import import_file
from tailrace.importer.report import BadLine, BadLinesError, ImportReport, Progress
from tests.support.command import logged_events, serving_command, until_logged
from tests.support.processes import TailraceProcess, run_to_end, service_environment
from tests.support.recount import recount_log
from tests.support.servers import NatsServer

ODDITIES = Path(__file__).parent / "data" / "oddities.log"
READABLE, UNREADABLE = 22, 8


@pytest.fixture
async def command(settings: Settings, log: LogClient) -> AsyncIterator[str]:
    """The address of a running command service."""
    async with serving_command(settings) as url:
        yield url


def import_command(settings: Settings, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
    """Runs the command."""
    return run_to_end(("import", "--format", "combined", *arguments), service_environment(settings), given=stdin)


def no_progress(progress: Progress) -> None:
    """Ignores the progress."""


async def run(path: Path, url: str, **options: Any) -> ImportReport:
    return await import_file(path, command_url=url, **{"format": "combined", "on_progress": no_progress, **options})


def write_events(path: Path, count: int, *extra: bytes) -> Path:
    lines = [b'{"event_type":"test","user_id":%d,"event_data":{}}' % number for number in range(count)]
    path.write_bytes(b"\n".join([*lines, *extra]))
    return path


async def test_users_of_imported_events_may_be_strings_or_missing(command: str, log: LogClient, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    users = ('"user_id":"alice",', '"user_id":7,', '"user_id":"7",', '"user_id":null,', "")
    path.write_text("".join(f'{{{user}"event_type":"x"}}\n' for user in users))
    for _ in range(2):  # each line has an id of its own
        assert (await run(path, command, format="ndjson")).bad_lines == []
    alice, *others = [event.user_id for event in await logged_events(log)]
    assert others == [7, 7, None, None]
    assert alice is not None
    assert alice < 0


async def test_every_readable_line_is_in_the_log_and_every_other_is_reported(command: str, log: LogClient) -> None:
    report = await run(ODDITIES, command)
    assert report == ImportReport(
        READABLE + UNREADABLE,
        READABLE,
        UNREADABLE,
        report.bad_lines,
        IsStr(regex=r"\w+:22:[0-9a-f]{8}"),  # type: ignore[arg-type]
        IsFloat(gt=0),  # type: ignore[arg-type]
    )
    assert [bad.number for bad in report.bad_lines] == list(range(24, 32))
    assert len((await recount_log(log)).rows) == READABLE


async def test_importing_a_file_twice_adds_nothing(command: str, log: LogClient) -> None:
    await run(ODDITIES, command)
    again = await run(ODDITIES, command)
    assert again.accepted == READABLE
    assert (await log.state()).last_seq == READABLE


async def test_events_without_an_id_are_added_once_for_any_batch_size(
    command: str, log: LogClient, tmp_path: Path
) -> None:
    path = write_events(tmp_path / "events", 1_000)
    await run(path, command, format="ndjson")
    await run(path, command, format="ndjson", batch_size=7)
    assert (await log.state()).last_seq == 1_000


async def test_one_batch_in_flight_keeps_the_order_of_the_file(command: str, log: LogClient, tmp_path: Path) -> None:
    path = write_events(tmp_path / "events", 200)
    await run(path, command, format="ndjson", batch_size=20, in_flight=1)
    rows = (await recount_log(log)).rows.values()
    assert [user for _, user, _, _, _ in rows] == list(range(200))


async def test_rejections_by_the_service_are_reported_by_line(
    settings: Settings, log: LogClient, tmp_path: Path
) -> None:
    path = write_events(tmp_path / "events", 10, b"", b'{"event_type":"other","user_id":1,"event_data":{}}')
    async with serving_command(settings.model_copy(update={"max_event_types": 1})) as url:
        report = await run(path, url, format="ndjson")
        assert report.bad_lines == [BadLine(12, "too_many_event_types", IsStr())]  # type: ignore[arg-type]
        assert (report.accepted, report.rejected) == (10, 1)
        with pytest.raises(BadLinesError, match="1 of 11 lines were refused"):
            await run(path, url, format="ndjson", strict=True)


async def test_a_strict_import_sends_nothing_when_there_is_a_bad_line(command: str, log: LogClient) -> None:
    with pytest.raises(BadLinesError, match="8 of 30 lines are bad; nothing was sent") as caught:
        await run(ODDITIES, command, strict=True)
    assert [bad.number for bad in caught.value.report.bad_lines] == list(range(24, 32))
    assert (await log.state()).last_seq == 0


async def test_a_strict_import_sends_a_clean_file(command: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = write_events(tmp_path / "events", 30)
    report = await run(path, command, format="ndjson", strict=True, on_progress=seen.append)
    assert report.accepted == 30
    assert {progress.phase for progress in seen} == {"checking", "sending"}


async def test_progress_grows_to_the_whole_file(command: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = write_events(tmp_path / "events", 100)
    await run(path, command, format="ndjson", batch_size=10, on_progress=seen.append)
    positions = [progress.position for progress in seen]
    assert positions == sorted(positions)
    assert positions[-1] == seen[-1].size == path.stat().st_size
    assert (seen[-1].read, seen[-1].accepted) == (100, 100)
    assert len(seen) >= 10


async def test_the_cursor_is_the_furthest_position(command: str, log: LogClient, tmp_path: Path) -> None:
    report = await run(write_events(tmp_path / "events", 100), command, format="ndjson", batch_size=10)
    assert report.cursor is not None
    assert Cursor.parse(report.cursor).seq == (await log.state()).last_seq == 100


async def test_a_request_that_is_too_large_is_sent_in_parts(settings: Settings, log: LogClient) -> None:
    async with serving_command(settings.model_copy(update={"max_body_bytes": 2_000})) as url:
        report = await run(ODDITIES, url)
        assert report.accepted == READABLE
        assert (await log.state()).last_seq == READABLE
        async with CommandClient(url) as client:
            event = b'{"event_type":"test","user_id":1,"event_data":{"a":"%s"}}' % (b"x" * 3_000)
            answer = await client.send([event, b'{"event_type":"test","user_id":1,"event_data":{}}'])
        assert answer.accepted == 1
        assert [(one.index, one.code) for one in answer.rejected] == [(0, "too_large")]


async def test_a_busy_service_is_retried_after_its_retry_after(
    settings: Settings, log: LogClient, tmp_path: Path
) -> None:
    path = write_events(tmp_path / "events", 2_000)
    waits: list[float | None] = []
    async with serving_command(settings.model_copy(update={"max_pending_events": 1})) as url:
        report = await run(
            path, url, format="ndjson", in_flight=3, on_retry=lambda error: waits.append(error.retry_after)
        )
    assert report.accepted == (await log.state()).last_seq == 2_000
    assert set(waits) == {1.0}


async def test_an_import_survives_a_killed_log(own_nats_server: NatsServer, settings: Settings, tmp_path: Path) -> None:
    """After kills and restarts of the NATS server, every event is in the log once."""
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    path = write_events(tmp_path / "events", 3_000)
    kills: list[Progress] = []
    restarts: list[asyncio.Task[None]] = []

    def kill_once(progress: Progress) -> None:
        if not kills:
            kills.append(progress)
            own_nats_server.kill()

    def start_once(error: CommandUnavailableError) -> None:
        if not restarts:
            restarts.append(asyncio.create_task(asyncio.to_thread(own_nats_server.start)))

    async with serving_command(own) as url:
        report = await run(path, url, format="ndjson", batch_size=50, on_progress=kill_once, on_retry=start_once)
        again = await run(path, url, format="ndjson")
    assert kills
    assert restarts
    assert report.accepted == again.accepted == 3_000
    assert Cursor.parse(again.cursor or "").seq == 3_000


async def test_an_unreachable_service_is_one_sentence(settings: Settings) -> None:
    with pytest.raises(TailraceError, match=r"does not answer: .*gave up after 0\.5 s; at least 0 events"):
        await run(ODDITIES, service_url(settings, "command"), retry_timeout=0.5)


async def test_an_address_without_a_command_service_is_one_sentence(command: str) -> None:
    with pytest.raises(TailraceError, match="refused the request: there is nothing at /elsewhere/events"):
        await run(ODDITIES, f"{command}/elsewhere")


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://localhost", "http://", ""])
async def test_an_invalid_address_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the address of a command service"):
        await run(ODDITIES, url)


async def test_standard_input_cannot_be_imported_strictly() -> None:
    with pytest.raises(ConfigurationError, match="reads the file twice"):
        await run(STDIN, "http://127.0.0.1:1", strict=True)


async def test_the_command_line_imports_standard_input_and_shows_bad_lines(
    command: str, settings: Settings, log: LogClient
) -> None:
    done = await asyncio.to_thread(import_command, settings, "-", stdin=ODDITIES.read_bytes())
    shown = done.stderr
    assert done.returncode == 0, shown
    assert "line 24: not_combined: there is no time such as [17/May/2015:10:05:03 +0000]" in shown
    assert "22 of 30 lines are in the log" in shown
    assert "8 bad lines were skipped" in shown
    assert (await log.state()).last_seq == READABLE


async def test_an_import_of_nothing_but_bad_lines_exits_with_1(command: str, settings: Settings) -> None:
    done = await asyncio.to_thread(import_command, settings, "-", stdin=b"no access log\n" * 30)
    assert done.returncode == 1
    assert done.stderr.count("not_combined") == 2
    assert "29 more lines: not_combined: there is no time such as" in done.stderr
    assert done.stderr.endswith("30 bad lines were skipped\nnothing was imported: check --format\n")
    assert (await asyncio.to_thread(import_command, settings, "-")).returncode == 0


async def test_what_a_pipe_brings_is_sent_at_once_and_a_stop_ends_the_import(
    command: str, settings: Settings, log: LogClient
) -> None:
    reading, writing = os.pipe()
    arguments = ("import", "-", "--exclude", "path=/health")
    process = TailraceProcess(arguments, service_environment(settings), stdin=reading, stderr=subprocess.PIPE)
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe, process:  # noqa: ASYNC230
        lines = ODDITIES.read_bytes().splitlines()
        first, *others = [line for line in lines if b"/plain" in line or b"/common" in line]
        pipe.write(first + b"\n" + first.replace(b"/plain", b"/health") + b"\n")
        await until_logged(log, 1)
        pipe.write(b"\n".join(others) + b"\n")
        await until_logged(log, 1 + len(others))
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert f"{1 + len(others)} of {1 + len(others)} lines are in the log" in errors.decode()
    assert "1 requests were left out by --exclude" in errors.decode()


async def test_a_strict_import_with_bad_lines_exits_with_1(command: str, settings: Settings) -> None:
    done = await asyncio.to_thread(import_command, settings, str(ODDITIES), "--strict")
    assert done.returncode == 1
    assert done.stderr.endswith("tailrace: 8 of 30 lines are bad; nothing was sent\n")

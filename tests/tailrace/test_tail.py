"""``tailrace tail``: its output, and its reconnects to the query service."""

import asyncio
import functools
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.entries import Gap
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.stream_client import StreamRefusedError, follow
from tests.support.events import event, log_event, log_events, some_events
from tests.support.log_damage import allow_deletes, delete_and_accept
from tests.support.processes import TailraceProcess, run_tailrace, running_service, start_service
from tests.support.waiting import until


@asynccontextmanager
async def query_service(settings: Settings) -> AsyncIterator[TailraceProcess]:
    with running_service(settings, "serve", "query") as process:
        await until_answers(settings)
        yield process


async def until_answers(settings: Settings) -> None:
    async with httpx.AsyncClient() as http:

        async def answers() -> bool:
            try:
                return (await http.get(f"http://127.0.0.1:{settings.query_port}/ping")).text == "pong"
            except httpx.TransportError:
                return False

        await until(answers)


async def run(settings: Settings, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(run_tailrace, settings, "tail", *arguments, **variables)


def seqs_of(lines: str) -> list[int]:
    return [int(json.loads(line)["cursor"].split(":")[1]) for line in lines.splitlines()]


async def test_selected_events_are_shown_as_lines_or_as_json(settings: Settings, log: LogClient) -> None:
    await allow_deletes(log)
    await log_events(log, [*some_events(19), event("nobody", user_id=None)])
    long = event("order placed", user_id=2**63 - 1, data='{"note":"%s [bold] :100:\x9b"}' % ("ä" * 300))
    await log_event(log, long)
    await delete_and_accept(log, Gap(3, 4))
    async with query_service(settings):
        lines = await run(settings, "--from", "earliest", "--no-follow")
        assert (lines.returncode, lines.stderr, len(lines.stdout.splitlines())) == (0, "", 20)
        assert lines.stdout.splitlines()[2] == "gap: the log's entries 3 to 4 are gone, and recorded as lost"
        nobody, last = lines.stdout.splitlines()[-2:]
        assert nobody == IsStr(regex=r"2026-03-01 .*\.000 nobody +-  .*")
        assert last == IsStr(regex=r"2026-03-01 .*\.000 order placed +9223372036854775807  .*")
        assert last.endswith('{"note":"%s [bold] :100:\\u009b"}' % ("ä" * 300))

        as_json = await run(
            settings, "--from", "earliest", "--no-follow", "--json", "--type", "order *", "--type", "x.*"
        )
        assert json.loads(as_json.stdout.splitlines()[0]) == IsPartialDict(kind="gap")
        selected = await run(settings, "--from", "earliest", "--no-follow", "--json", "--type", "order placed")
        assert json.loads(selected.stdout.splitlines()[-1]) == IsPartialDict(
            event_id=str(long.event_id), user_id=str(2**63 - 1), logged_at=IsStr(regex=r"20\d\d-.*T.*Z")
        )
        mine = await run(settings, "--from", "earliest", "--until", "-0s", "--json", "--user", str(2**63 - 1))
        assert seqs_of("\n".join(mine.stdout.splitlines()[1:])) == [21]

        coloured = await run(settings, "--from", "earliest", "--no-follow", FORCE_COLOR="1", COLUMNS="60")
        assert "\x1b[" in coloured.stdout
        assert coloured.stdout.splitlines()[-1].endswith("…\x1b[0m") or "…" in coloured.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "yesterday"], "tailrace: from: 'yesterday' is not 'latest', 'earliest', a cursor"),
        (["--type", ""], "tailrace: event_type: an event type has 1 to 128 characters"),
        (["--speed", "0"], "tailrace: speed: input should be greater than or equal to 0.1"),
    ],
)
async def test_invalid_parameters_are_one_sentence(
    settings: Settings, log: LogClient, arguments: list[str], message: str
) -> None:
    async with query_service(settings):
        result = await run(settings, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == IsStr(regex=f"{message}.*\n")


async def test_without_a_query_service_the_error_names_the_command_that_starts_one(settings: Settings) -> None:
    result = await run(settings)
    assert result.returncode == 1
    assert result.stderr == IsStr(regex="tailrace: no query service answers at .*tailrace up.*\n")


async def test_the_stream_resumes_after_the_query_service_was_killed(settings: Settings, log: LogClient) -> None:
    lost: list[str] = []
    found: list[dict[str, Any]] = []
    url = f"http://127.0.0.1:{settings.query_port}"

    async def read() -> None:
        async for frame in follow(url, {"from": "earliest", "batch": 5}, lost.append):
            found.extend(frame.get("events", ()))

    service = start_service(settings, "serve", "query")
    try:
        await until_answers(settings)
        reading = asyncio.create_task(read())
        sent = await log_events(log, some_events(20))
        for _ in range(3):
            await until(functools.partial(_got, found, len(sent)))
            service.kill()
            service.wait()
            sent += await log_events(log, some_events(20))
            service = start_service(settings, "serve", "query")
        await until(lambda: _got(found, len(sent)), timeout=60)
        reading.cancel()
        await asyncio.wait([reading])
    finally:
        service.kill()
        service.wait()
    assert [one["event_id"] for one in found] == [str(one.event_id) for one in sent]
    assert len(lost) == 3


async def _got(found: list[dict[str, Any]], count: int) -> bool:
    return len(found) >= count


async def test_ctrl_c_ends_the_tail_and_prints_its_position(settings: Settings, log: LogClient) -> None:
    async with query_service(settings):
        process = start_service(settings, "tail", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        reading = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
        while not reading.done():
            await log_event(log, event("click"))
            await asyncio.wait([reading], timeout=0.2)
        process.send_signal(signal.SIGINT)
        _, notes = await asyncio.to_thread(process.communicate)
    assert process.returncode == 130
    assert notes.decode() == IsStr(regex="resume with --from [0-9a-f]+:[0-9]+:[0-9a-f]+\n")


async def test_a_closed_pipe_ends_the_tail_quietly(settings: Settings, log: LogClient) -> None:
    await log_events(log, some_events(3_000))
    async with query_service(settings):
        process = start_service(
            settings, "tail", "--from", "earliest", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert seqs_of((await asyncio.to_thread(process.stdout.readline)).decode()) == [1]
        process.stdout.close()
        await asyncio.to_thread(process.wait, 30)
        assert b"Traceback" not in process.stderr.read()


async def test_a_later_refusal_is_raised(settings: Settings, log: LogClient) -> None:
    async with query_service(settings):
        with pytest.raises(StreamRefusedError, match="until: another"):
            async for _ in follow(f"http://127.0.0.1:{settings.query_port}", {"until": "another:1:00000000"}):
                pass

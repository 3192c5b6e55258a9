"""How long nothing is acknowledged when the server that leads the log is killed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import NamedTuple
from uuid import uuid4

import httpx

from contracts.errors import TailraceError
from tools.benchmarks.asking import ANSWER_TIMEOUT, until_healthy
from tools.benchmarks.log_servers import LogServers
from tools.benchmarks.stage import Stage

EVERY = 0.05
"""Seconds between two events, whatever has become of those before."""
STEADY = 1.0
"""Seconds of acknowledgements before the leader is killed, and after."""
GIVEN_UP = 60.0
"""Seconds without an acknowledgement that are not a change of leader any more."""


class Silence(NamedTuple):
    """A time without an acknowledgement, by ``time.monotonic()``."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


async def measure_outages(stage: Stage, servers: LogServers, kills: int) -> list[float]:
    """Kills the leader again and again, while a command service is sent events; the outages in seconds.

    Raises:
        TailraceError: the log does not come back.
    """
    settings, outages = servers.settings, []
    async with (
        stage.running(settings, "serve", "command") as command,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.command_port}",
            timeout=ANSWER_TIMEOUT,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        ) as http,
    ):
        await until_healthy(http, command)
        for turn in range(kills):
            await servers.until_complete()
            stage.progress.say(f"killing the log's leader, {turn + 1} of {kills}")
            leader = await servers.leader()
            outages.append(await _outage(http, partial(servers.kill, leader)))
            await servers.start(leader)
    return outages


async def _outage(http: httpx.AsyncClient, kill: Callable[[], Awaitable[None]]) -> float:
    acknowledged: list[float] = []
    began, killed = time.monotonic(), None
    async with asyncio.TaskGroup() as sending:
        while killed is None or not _is_over(longest_silence(killed, acknowledged), acknowledged):
            sending.create_task(_send_one(http, acknowledged))
            await asyncio.sleep(EVERY)
            if killed is None and time.monotonic() - began > STEADY:
                killed = time.monotonic()
                await kill()
            if time.monotonic() - began > GIVEN_UP:
                raise TailraceError(f"the log acknowledged nothing in the {GIVEN_UP:.0f} s after its leader was killed")
    assert killed is not None
    return longest_silence(killed, acknowledged).seconds


def longest_silence(killed: float, acknowledged: list[float]) -> Silence:
    """The longest time between two acknowledgements, from the kill on; empty where none came since."""
    since = [killed, *(moment for moment in acknowledged if moment > killed)]
    return max(
        (Silence(*pair) for pair in pairwise(since)),
        key=lambda silence: silence.seconds,
        default=Silence(killed, killed),
    )


def _is_over(longest: Silence, acknowledged: list[float]) -> bool:
    return bool(acknowledged) and longest.seconds > 0 and acknowledged[-1] - longest.end > STEADY


async def _send_one(http: httpx.AsyncClient, acknowledged: list[float]) -> None:
    event = {"event_id": str(uuid4()), "event_type": "page_view", "user_id": 1, "event_data": {}}
    with suppress(httpx.HTTPError):
        if (await http.post("/events", json=event)).status_code == 202:
            acknowledged.append(time.monotonic())

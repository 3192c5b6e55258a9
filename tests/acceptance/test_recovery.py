"""Servers that stop and return: no service ends, and each works again."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.waiting import until
from tools.chaos.checker import run_command
from tools.chaos.recovery import measure_recovery
from tools.chaos.run import make_folder
from tools.chaos.system import SERVICES, ChaosSystem, running_system
from tools.chaos.workload import Workload

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def system() -> AsyncIterator[ChaosSystem]:
    folder = make_folder()
    async with running_system(folder) as system:
        yield system
    shutil.rmtree(folder)


@pytest.mark.parametrize(("server", "affected"), [("nats", SERVICES), ("postgres", ("projection", "query"))])
async def test_services_outlast_a_server_and_work_again(
    system: ChaosSystem, server: str, affected: tuple[str, ...]
) -> None:
    pids = {name: system.children[name].pid for name in SERVICES}
    workload = Workload(system.endpoints.command, system.endpoints.query, system.nats.url_of("producer"), seed=1)
    async with workload.running(clients=1), httpx.AsyncClient(trust_env=False, timeout=10) as http:
        await measure_recovery(system, workload)
        await system.hold(server)

        async def noticed() -> bool:
            answers = [await http.get(f"{getattr(system.endpoints, name)}/health/ready") for name in affected]
            return all(answer.status_code == 503 for answer in answers)

        await until(noticed)
        await system.release(server)
        assert set(await measure_recovery(system, workload)) == {"append", "stats", "projected", "counted", "frame"}
        workload.stop_producing()
    assert system.said == []
    assert {name: system.children[name].pid for name in SERVICES} == pids


async def test_a_service_that_starts_while_the_log_is_silent_works_once_it_answers(system: ChaosSystem) -> None:
    workload = Workload(system.endpoints.command, system.endpoints.query, system.nats.url_of("producer"), seed=2)
    async with workload.running(clients=1):
        await system.hold("nats")
        for name in SERVICES:
            await system.hold(name)
            await system.release(name)

        async def waits(name: str) -> bool:
            return "service waits: no NATS server answers" in system.children[name].log_file.read_text()

        await asyncio.gather(*(until(lambda name=name: waits(name)) for name in SERVICES))  # type: ignore[misc]
        await system.release("nats")
        await measure_recovery(system, workload)
        workload.stop_producing()
    assert system.said == []
    code, output = await run_command("status", system.children["nats"].log_file.parent.parent)
    assert code == 0, output

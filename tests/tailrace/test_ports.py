"""Free ports: one that was chosen stays its chooser's until a server listens there."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from dirty_equals import IsStr

from contracts.errors import ConflictError
from runtime.settings import Settings
from tailrace.embedded.ports import Ports, free_port
from tailrace.up.system import System

ENOUGH = 1000
"""Of ports drawn at random from the kernel's 14,000, so many differ with a chance of 1 to 10^15."""


def test_a_chosen_port_is_nobody_elses_choice() -> None:
    with ThreadPoolExecutor(4) as choosers:
        chosen = list(choosers.map(lambda _: free_port(), range(ENOUGH)))
    assert len(set(chosen)) == ENOUGH


@pytest.mark.parametrize(("name", "what"), [("nats", "NATS"), ("postgres", "Postgres")])
async def test_who_took_the_port_before_the_server_could_is_named(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "logs").mkdir()
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))  # and doesn't listen: nothing waits for its answer
        port = taker.getsockname()[1]
        ports = Ports().choose()
        system = System(tmp_path, replace(ports, **{name: port}), Settings(), rate=None)
        try:
            with pytest.raises(ConflictError) as refused:
                await system.start_servers()
        finally:
            await system.stop()
    assert str(refused.value) == IsStr(regex=rf"port {port} for {what} is in use: .* --{name}-port N .*")

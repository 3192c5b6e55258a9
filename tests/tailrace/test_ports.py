"""Free ports: a chosen port is not chosen again before a server listens on it."""

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
"""This many ports, drawn at random from the kernel's 14,000, are distinct with a probability of 1 to 10^15."""


def test_a_free_port_is_chosen_only_once() -> None:
    with ThreadPoolExecutor(4) as choosers:
        chosen = list(choosers.map(lambda _: free_port(), range(ENOUGH)))
    assert len(set(chosen)) == ENOUGH


@pytest.mark.parametrize(("name", "what"), [("nats", "NATS"), ("postgres", "Postgres")])
async def test_a_process_that_takes_the_port_before_the_server_is_named(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "logs").mkdir()
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))  # without listening, so that no client waits for its answer
        port = taker.getsockname()[1]
        ports = Ports().choose()
        system = System(tmp_path, replace(ports, **{name: port}), Settings(), rate=None)
        try:
            with pytest.raises(ConflictError) as refused:
                await system.start_servers()
        finally:
            await system.stop()
    assert str(refused.value) == IsStr(regex=rf"port {port} for {what} is in use: .* --{name}-port N .*")

"""A cluster of three NATS servers on this machine, with the configuration of the containers."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.errors import LogUnavailableError
from runtime.log.connect import connect_nats
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tests.support.compose import ROOT
from tests.support.waiting import until

PASSWORDS = {f"NATS_{user}_PASS": user.lower() for user in ("ADMIN", "COMMAND", "PROJECTION", "QUERY", "PRODUCER")}
NAMES = ("nats-1", "nats-2", "nats-3")


@dataclass
class Cluster:
    """The servers, by their names in the compose file."""

    folder: Path
    ports: dict[str, int]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def url(self, user: str, *names: str) -> str:
        """Returns the addresses of some or all servers for a user."""
        return ",".join(f"nats://{user}:{user}@127.0.0.1:{self.ports[name]}" for name in names or NAMES)

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            command = [nats_binary(), "-c", str(self.folder / name / "cluster.conf")]
            environment = {**PASSWORDS, "NATS_SERVER_NAME": name}
            self.processes[name] = subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    async def info(self, stream: str) -> dict[str, Any]:
        """Returns the stream's state from its leader."""
        client = await connect_nats(self.url("admin"), "test")
        try:
            return await client.stream_info(stream)
        finally:
            await client.close()

    async def healthy(self) -> bool:
        """Whether JetStream answers, which needs a leader."""
        try:
            client = await connect_nats(self.url("admin"), "test")
            try:
                await client.api("INFO")
                await client.api("STREAM.NAMES")
                return True
            finally:
                await client.close()
        except LogUnavailableError:
            return False

    async def in_step(self, stream: str) -> bool:
        """Whether every replica of a stream is current."""
        try:
            cluster = (await self.info(stream))["cluster"]
        except LogUnavailableError:
            return False
        replicas = cluster.get("replicas", [])
        return len(replicas) == 2 and all(one["current"] and not one.get("lag") for one in replicas)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder, {name: free_port() for name in NAMES})
    routes = {name: free_port() for name in NAMES}
    for name in NAMES:
        (folder / name).mkdir()
        for file in ("nats.conf", "cluster.conf"):
            text = (ROOT / "deploy" / "nats" / file).read_text()
            for other in NAMES:
                text = text.replace(f"{other}:6222", f"127.0.0.1:{routes[other]}")
            for there, here in (
                ("0.0.0.0:4222", f"127.0.0.1:{cluster.ports[name]}"),
                ("0.0.0.0:8222", f"127.0.0.1:{free_port()}"),
                ("0.0.0.0:6222", f"127.0.0.1:{routes[name]}"),
                ("store_dir: /data", f"store_dir: {folder / name}/data"),
            ):
                text = text.replace(there, here)
            (folder / name / file).write_text(text)
    try:
        for name in NAMES:
            cluster.start(name)
        asyncio.run(until(cluster.healthy, timeout=60))
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.terminate()
        for process in cluster.processes.values():
            process.wait(20)

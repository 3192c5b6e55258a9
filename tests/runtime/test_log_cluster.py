"""The log of three servers, some of which are down."""

import secrets
import signal
from collections.abc import Iterator

import pytest

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError
from contracts.subjects import LOG_STREAM, subject_of
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from runtime.log.positions import verify_position
from runtime.settings import Settings
from tests.support.cluster import NAMES, Cluster, running_cluster
from tests.support.events import append
from tests.support.waiting import until

MORE = 40
SIZE = 500_000
"""Together more than the kernel buffers for a server that hangs."""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.mark.timeout(120)
async def test_a_lagging_server_without_a_leader_does_not_define_the_logs_end(cluster: Cluster) -> None:
    client = await connect_nats(cluster.url("admin"), "test")
    await ensure_streams(client, Settings(replicas=3))
    await append(client, subject_of("test"), b"{}", "first")
    await until(lambda: cluster.in_step(LOG_STREAM))
    leader = (await client.stream_info(LOG_STREAM))["cluster"]["leader"]
    lagging, other = (name for name in NAMES if name != leader)
    await client.close()

    client = await connect_nats(cluster.url("admin", leader), "test")
    cluster.processes[lagging].send_signal(signal.SIGSTOP)
    for number in range(MORE):
        await append(client, subject_of("test"), secrets.token_bytes(SIZE), f"more-{number}")
    epoch, last = (await client.state()).epoch, await client.get(MORE + 1)
    assert last is not None
    read = last.cursor(epoch)
    await client.close()
    cluster.kill(leader)
    cluster.kill(other)
    cluster.processes[lagging].send_signal(signal.SIGCONT)

    client = await connect_nats(cluster.url("admin", lagging), "test")
    reported = await _reported_end(client)
    assert reported < read.seq
    with pytest.raises(LogUnavailableError, match="has no leader"):
        await verify_position(client, read)
    cluster.start(leader)
    await until(lambda: _agrees(client, read), timeout=60)
    await client.close()


async def _reported_end(client: LogClient) -> int:
    """Returns the last sequence that a server reports once it has given up its leader."""
    found: list[int] = []

    async def it_answers() -> bool:
        try:
            found.append((await client.api(f"STREAM.INFO.{LOG_STREAM}"))["state"]["last_seq"])
        except LogUnavailableError:
            return False
        return True

    await until(it_answers, timeout=60)
    return found[0]


async def _agrees(client: LogClient, position: Cursor) -> bool:
    try:
        return (await verify_position(client, position)).last_seq == position.seq
    except LogUnavailableError:
        return False

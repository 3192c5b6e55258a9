"""A disk that is smaller than the default limits of the streams."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.up.system import fitting_limits
from tests.support.servers import NatsServer, running_nats

GIBIBYTE = 1024**3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server with room for 1 GiB."""
    with running_nats(tmp_path / "nats", max_file_store=GIBIBYTE) as server:
        yield server


@pytest.fixture
async def small(server: NatsServer) -> AsyncIterator[LogClient]:
    client = await connect_log(Settings(nats_url=server.url), "test")
    yield client
    await client.close()


async def test_a_reserve_without_room_names_the_setting(small: LogClient) -> None:
    with pytest.raises(ConfigurationError, match=r"no room .* ANALYTICS_INBOX: .*, or lower TAILRACE_INBOX_MAX_BYTES"):
        await ensure_streams(small, Settings(inbox_max_bytes=2 * GIBIBYTE))


async def test_up_lowers_the_limits_to_what_fits(small: LogClient) -> None:
    free = GIBIBYTE * 3 // 2  # of which JetStream uses three quarters
    limits = fitting_limits(free, Settings())
    assert limits == {
        "TAILRACE_INBOX_MAX_BYTES": str(GIBIBYTE // 8),
        "TAILRACE_REJECTED_MAX_BYTES": str(GIBIBYTE // 8),
    }
    fitting = Settings(inbox_max_bytes=GIBIBYTE // 8, rejected_max_bytes=GIBIBYTE // 8)
    assert (await ensure_streams(small, fitting)).left == []


def test_limits_that_fit_or_are_set_stay() -> None:
    assert fitting_limits(100 * GIBIBYTE, Settings()) == {}
    assert fitting_limits(GIBIBYTE, Settings(inbox_max_bytes=GIBIBYTE)).keys() == {"TAILRACE_REJECTED_MAX_BYTES"}

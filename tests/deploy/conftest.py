"""All of the compose file, running for every test here."""

from collections.abc import Iterator

import pytest

from support.containers import Running, running_compose
from tailrace.ops.embedded.postgres import EmbeddedPostgres


@pytest.fixture(scope="package")
def running(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_compose(postgres_server, tmp_path_factory.mktemp("compose")) as everything:
        yield everything

"""Every service of the compose file runs for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.compose_services import Running, running_compose


@pytest.fixture(scope="package")
def running(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_compose(postgres_server, tmp_path_factory.mktemp("compose")) as everything:
        yield everything

"""A command service for each test on the NATS server of the run."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.command import Command, nats_client, running_command


@pytest.fixture
async def command(settings: Settings, log: LogClient) -> AsyncIterator[Command]:
    """A running command service on fresh streams."""
    async with running_command(settings) as command:
        yield command


@pytest.fixture
async def nats(settings: Settings) -> AsyncIterator[Client]:
    """A plain NATS client."""
    async with nats_client(settings) as connection:
        yield connection

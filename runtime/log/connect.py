"""Connecting to the log with the library that serves best here."""

import importlib.util

from contracts.errors import ConfigurationError
from runtime.log import natspy
from runtime.log.client import LogClient
from runtime.settings import Settings


def reader_libraries() -> list[str]:
    """The libraries that can be used here, the fastest first."""
    return ["natsio", "nats-py"] if importlib.util.find_spec("natsio") else ["nats-py"]


async def connect_log(settings: Settings, name: str) -> LogClient:
    """Connects as ``settings.log_library`` says; ``auto`` takes natsio where it is installed, nats-py elsewhere.

    Raises:
        ConfigurationError: the library asked for is not here.
        LogUnavailableError: no server answers.
    """
    library = reader_libraries()[0] if settings.log_library == "auto" else settings.log_library
    if library not in reader_libraries():
        raise ConfigurationError(f"TAILRACE_LOG_LIBRARY={library} needs Python 3.13 or newer with natsio installed")
    if library == "natsio":
        from runtime.log import natsio_client  # only importable from Python 3.13 on

        return await natsio_client.connect(settings.nats_url, name)
    return await natspy.connect(settings.nats_url, name)

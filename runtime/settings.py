"""The settings. Every default suits a first run.

They come from the environment (``TAILRACE_<NAME>``, or the seed's ``DB_USER``, ``DB_PASS``, ``DB_NAME``) and from a
``.env`` file in the working directory; the environment wins.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import ConfigurationError

MEBIBYTE = 1024 * 1024
SIMILAR = 0.88
"""Similarity, from 0 to 1, above which the name of a variable counts as a misspelt setting."""
logger = logging.getLogger("tailrace.runtime")


class Settings(BaseSettings):
    """The settings of all services. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="TAILRACE_", env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    nats_url: str = Field(
        "nats://127.0.0.1:4222", description="address of the log's server; several of a cluster, with commas"
    )
    nats_ca: str | None = Field(
        None, description="file of the certificate authority of the log's servers, for addresses as tls://host:4222"
    )
    nats_creds: str | None = Field(None, description="credentials file of the log's user (JWT and nkey)")
    database: str | None = Field(None, description="the database as postgresql://…; wins over the parts below")
    database_host: str = Field("127.0.0.1", description="the database server's host")
    database_port: int = Field(5432, ge=1, le=65535, description="the database server's port")
    db_user: str = Field(
        "user", validation_alias=AliasChoices("TAILRACE_DB_USER", "DB_USER"), description="the database's user"
    )
    db_pass: str = Field(
        "password", validation_alias=AliasChoices("TAILRACE_DB_PASS", "DB_PASS"), description="the user's password"
    )
    db_name: str = Field(
        "analytics", validation_alias=AliasChoices("TAILRACE_DB_NAME", "DB_NAME"), description="the database's name"
    )

    reader_user: str | None = Field(None, description="a read-only database role; `tailrace migrate` creates it")
    reader_pass: str | None = Field(None, description="the read-only role's password")

    host: str = Field("127.0.0.1", description="the address the HTTP services listen on")
    command_port: int = Field(8081, ge=0, le=65535, description="port of the command service; 0: a free port")
    query_port: int = Field(8080, ge=0, le=65535, description="port of the query service; 0: a free port")
    projection_port: int = Field(
        8082, ge=0, le=65535, description="port of the projection service's health and metrics; 0: a free port"
    )
    command_url: str | None = Field(None, description="URL of the command service, for the producer and the importer")
    query_url: str | None = Field(None, description="URL of the query service, for `tailrace tail` and `status`")
    projection_url: str | None = Field(
        None, description="URL of the projection service, for `tailrace health` and `status`"
    )

    allowed_origins: str | None = Field(
        None, description="origins of web pages that may use the services, separated by commas: https://shop.example"
    )
    allowed_hosts: str | None = Field(
        None,
        description="host names the services answer to, separated by commas, besides IP addresses and localhost",
    )
    write_key: str | None = Field(
        None, description="key that commands send events with; `tailrace migrate` stores it as the first write key"
    )
    read_key: str | None = Field(
        None, description="key that commands read with; `tailrace migrate` stores it as the first read key"
    )
    require_keys: bool = Field(
        False, description="ask for keys on loopback too, for example behind a reverse proxy on the same machine"
    )
    insecure: bool = Field(False, description="serve without keys, even if the services listen beyond loopback")
    trusted_proxies: str | None = Field(
        None, description="addresses of reverse proxies whose X-Forwarded-* headers count, separated by commas"
    )

    user_key_file: str | None = Field(
        None, description="file of the key that turns strings into user ids; by default it is in a NATS bucket"
    )

    replicas: int = Field(1, ge=1, le=5, description="replicas of each stream, in a cluster of NATS servers")
    log_max_bytes: int = Field(
        -1, ge=-1, description="size at which the log refuses new events; -1: the disk is the limit"
    )
    inbox_max_bytes: PositiveInt = Field(1024 * MEBIBYTE, description="size at which the inbox refuses new messages")
    rejected_max_bytes: PositiveInt = Field(
        1024 * MEBIBYTE, description="size at which the stream of rejected messages drops its oldest"
    )
    dedupe_window: PositiveFloat = Field(120.0, description="how long the log itself detects a duplicate event_id")
    max_event_types: PositiveInt = Field(
        10_000, description="maximum number of event types; the log's server keeps each in memory"
    )
    max_new_event_types: PositiveInt = Field(
        500, description="new event types that one key, or all senders without a key, may add in a minute"
    )
    upcasters: str | None = Field(
        None, description="upcasters for old event versions: an importable module, or a file ending in .py"
    )
    projections: str | None = Field(
        None, description="your own projections: a folder, a file or a module; ./projections if it is there"
    )
    projections_dev: bool = Field(
        False, description="build a projection that was changed under its old version again, and show it at once"
    )

    publish_timeout: PositiveFloat = Field(5.0, description="timeout for the log's acknowledgement of an event")
    max_connections: PositiveInt = Field(
        4_000, description="open connections of each HTTP service; beyond that, only /health is answered"
    )
    max_connections_per_address: PositiveInt = Field(
        2_000, description="open connections of one client address; TAILRACE_TRUSTED_PROXIES have no such limit"
    )
    max_frames_per_second: PositiveFloat = Field(
        100.0, description="frames that a WebSocket client may send, pings included; beyond that, it is closed"
    )
    header_timeout: PositiveFloat = Field(10.0, description="time in which a request's head has to arrive")
    max_header_bytes: PositiveInt = Field(32 * 1024, description="maximum size of a request's head, about")
    body_timeout: PositiveFloat = Field(30.0, description="time in which a request's body has to arrive")
    max_body_bytes: PositiveInt = Field(4 * MEBIBYTE, description="maximum body of a request to POST /events")
    max_pending_body_bytes: PositiveInt = Field(
        64 * MEBIBYTE, description="request bodies held at once; beyond that, requests get 503"
    )
    max_pending_events: PositiveInt = Field(
        20_000, description="events being appended at once; beyond that, requests get 429"
    )

    flavour: Literal["auto", "postgres", "timescale"] = Field(
        "auto", description="storage of a new read model; auto: timescale if the server has it"
    )
    chunk_days: PositiveFloat = Field(1.0, description="timescale: days per chunk of the events")
    compress_after_days: float = Field(
        7.0, ge=0, description="timescale: days after which chunks are compressed; 0: never"
    )
    retention_days: float = Field(
        0.0, ge=0, description="timescale: days after which single events are dropped; their counts stay; 0: never"
    )

    batch_size: PositiveInt = Field(5_000, description="maximum number of events in a projector's batch")
    replay_share: float = Field(
        0.5, gt=0, le=1, description="share of the time that a replay works; the rest is for the live system"
    )
    parked_stop_ratio: float = Field(0.5, gt=0, le=1, description="share of parked events that stops the projector")
    parked_stop_minimum: PositiveInt = Field(100, description="parked events in a range before the ratio applies")

    live_ring: PositiveInt = Field(20_000, description="recent events that the query service buffers for live clients")
    stats_timeout: PositiveFloat = Field(30.0, description="timeout of a database query")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level that is logged")
    log_format: Literal["text", "json"] = Field("text", description="format of the log lines")

    @property
    def dsn(self) -> str:
        """The database's postgresql:// address."""
        if self.database:
            return self.database
        user, password, name = (quote(part, safe="") for part in (self.db_user, self.db_pass, self.db_name))
        return f"postgresql://{user}:{password}@{self.database_host}:{self.database_port}/{name}"


def load_settings(**overrides: object) -> Settings:
    """Reads the environment; ``overrides`` that are not None win.

    Raises:
        ConfigurationError: a setting is wrong; the message names each.
    """
    for variable, meant in find_misspelt({*os.environ, *dotenv_values(".env")}):
        logger.warning("%s is not a setting and is ignored; is %s meant?", variable, meant)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigurationError(f"a setting is wrong: {reasons}") from None


def find_misspelt(variables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields variables that nearly match a setting, each with the setting's name."""
    names = {f"TAILRACE_{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(variables):
        if variable.startswith("TAILRACE_") and variable not in names:
            yield from ((variable, name) for name in get_close_matches(variable, names, n=1, cutoff=SIMILAR))

"""A block of the log that is damaged on disk: it is found and named although no client reads that part."""

import logging

import pytest
from dirty_equals import IsStr

from projection import log_check
from runtime.log.connect import connect_log
from runtime.settings import Settings
from runtime.supervise import Outage
from tailrace.status import read_status
from tests.projection.test_damage import ENTRIES, fill
from tests.support.log_damage import blocks, flip_byte
from tests.support.servers import NatsServer


async def test_a_flipped_byte_is_found_and_named(
    settings: Settings,
    own_nats_server: NatsServer,
    connection: object,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    await fill(own)
    flip_byte(blocks(own_nats_server)[0])
    log = await connect_log(own, "test")
    assert (await log.state()).entries == ENTRIES
    lost = IsStr(regex=r"\d+ entries of the log are gone: `tailrace verify` names them.*")
    assert lost not in (await read_status(own))["problems"]
    monkeypatch.setattr(log_check, "INTERVAL", 0)
    await log_check.check_once(log, Outage(logging.getLogger("test"), "damaged"))
    assert lost in (await read_status(own))["problems"]
    assert "damaged: " in caplog.text
    await log.close()

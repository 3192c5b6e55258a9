"""Projections that are built from the same position share one reader."""

from pathlib import Path

import asyncpg
import pytest

from projection.declared import service
from projection.declared.group import shared_subjects
from projection.declared.source import Source
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.projection.declared.test_isolation import TROUBLED
from tests.support.events import log_events
from tests.support.projections import (
    SHOP_NAMES,
    declare,
    naive_carts,
    naive_last_seen,
    running_projections,
    shop_events,
    shown_carts,
    shown_last_seen,
    until_failed,
    until_shown,
)
from tests.support.projector import running_projector, until_projected


async def test_new_projections_read_and_decode_the_log_together(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.projections is not None
    declare(Path(shop.projections), TROUBLED % "raise ValueError(event.seq)", "troubled")
    own = shop.model_copy(update={"batch_size": 50})
    sent = await log_events(log, shop_events(400))
    opened: list[list[str]] = []

    class Counted(Source):
        def __init__(self, *arguments: object, **options: object) -> None:
            opened.append(list(arguments[4]))  # type: ignore[call-overload]
            super().__init__(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "Source", Counted)
    async with running_projector(own):
        await until_projected(connection, log)
        async with running_projections(own) as task:
            await until_failed(connection, "troubled")
            await until_shown(connection, SHOP_NAMES, 400, task)
            assert opened == [[], []]  # the one that follows the log, and the one of all builds
            sent += await log_events(log, shop_events(50, seed=2))
            await until_shown(connection, SHOP_NAMES, 450, task)
    assert await shown_carts(connection) == naive_carts(sent)
    assert await shown_last_seen(connection) == naive_last_seen(sent)


@pytest.mark.parametrize(
    ("filters", "together"),
    [
        ([["a.x"], ["a.y", "a.x"]], ["a.x", "a.y"]),
        ([["a.*"], ["a.*"]], ["a.*"]),
        ([["a.*"], ["a.x"]], []),
        ([["a.x"], []], []),
        ([[f"a.{number}"] for number in range(51)], []),
    ],
)
def test_filters_of_one_reader_never_overlap(filters: list[list[str]], together: list[str]) -> None:
    assert shared_subjects(filters) == together

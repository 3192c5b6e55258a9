"""The page while the read model of the version before is frozen."""

import asyncio
import re

import asyncpg
from playwright.async_api import expect

from migrations.bootstrap import ensure_database
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.page.browsing import paths, recent_event
from tests.page.conftest import Visitor
from tests.query.conftest import running_query
from tests.support.events import log_event, log_events
from tests.support.previous_version import PreviousVersion


async def test_the_page_says_of_when_its_counts_are_while_the_read_model_is_rebuilt(
    settings: Settings, log: LogClient, visitor: Visitor, previous_version: PreviousVersion
) -> None:
    settings = settings.model_copy(update={"database": f"{settings.dsn}_old"})
    await log_events(log, [recent_event() for _ in range(5)])
    arguments = ("replay", "--into", settings.dsn)
    environment = {"TAILRACE_NATS_URL": settings.nats_url}
    await asyncio.to_thread(previous_version.run, *arguments, environment=environment)
    await ensure_database(settings)
    async with running_query(settings) as query, visitor.visit(query.url) as page:
        await log_event(log, recent_event(path="/new"))
        await expect(page.get_by_test_id("lag")).to_have_text(re.compile(r"^Rebuilding, data as of \d\d:\d\d:\d\d$"))
        await expect(paths(page).first).to_have_text("/new")
    admin = await asyncpg.connect(settings.dsn.removesuffix("_old"))
    await admin.execute(f"drop database {settings.dsn.rpartition('/')[2]} with (force)")
    await admin.close()

"""For any sequence of operations the accounting closes: sent = stored + duplicate + parked + rejected.

Hypothesis generates the operations of producers and operators, and shrinks a failing sequence. To repeat one, put the
``@reproduce_failure`` that it prints above ``OfThisRun``.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from contracts.errors import ConflictError
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.accounting.compare import check_accounts
from tests.support.accounting.drafts import INVALID, VALID, Draft
from tests.support.accounting.expected import Expected
from tests.support.accounting.ingest import NEEDS_COMMAND, Body, Ingest, Path
from tests.support.accounting.read_models import TABLES, Interruption, ReadModels
from tests.support.accounting.releases import NEXT
from tests.support.servers import NatsServer, database_from, remove_streams

SETTINGS = hypothesis_settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    # one failure is sufficient, and lines that only failures execute explain nothing here; both take minutes
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
STEP_TIMEOUT = 60.0
"""Seconds that one step may take on a shared machine."""

IDS = st.integers(0, 4)
DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from([*VALID, *VALID, *INVALID]),
    shared_id=st.sampled_from([*range(5), None]),
    user=st.integers(1, 3),
    minutes=st.sampled_from([0, 1, 59, 60, 24 * 60, None]),
    uppercase_id=st.booleans(),
)
PATHS: st.SearchStrategy[Path] = st.sampled_from(
    ["append", *["append beyond the window"] * 4, "POST", "request", "publish", "publish and forget"]
)
BODIES: st.SearchStrategy[Body] = st.sampled_from(["one by one", "array", "lines"])
BATCH_SIZES = st.sampled_from([1, 2, 5, 1_000])
INTERRUPTIONS = st.none() | st.builds(Interruption, st.sampled_from(["stop", "disconnect"]), st.integers(1, 4))


class Accounting(RuleBasedStateMachine):
    """Each example has new streams and a new database; each rule is an operation of producers or operators.

    No rule has a precondition: hypothesis omits rules at random, and an example without a possible rule is wasted.
    """

    servers: tuple[NatsServer, EmbeddedPostgres, str]
    """The third is the name of the template database."""
    expected: Expected
    log: LogClient
    models: ReadModels
    ingest: Ingest

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._ending = AsyncExitStack()
        self._to_close = False

    def do(self, step: Coroutine[Any, Any, None]) -> None:
        """Runs one step. After a failed step, the accounting is not compared any more."""
        self._to_close = False
        self._runner.run(asyncio.wait_for(step, STEP_TIMEOUT))
        self._to_close = True

    @initialize(batch_size=BATCH_SIZES, sent=st.lists(st.tuples(DRAFTS, PATHS), min_size=1, max_size=8))
    def begin(self, batch_size: int, sent: list[tuple[Draft, Path]]) -> None:
        self.do(self._begin())
        self.start_a_projector(batch_size)
        self.send(sent)

    async def _begin(self) -> None:
        nats, postgres, template = self.servers

        async def make_database() -> str:
            return await self._ending.enter_async_context(database_from(postgres, template))

        settings = Settings(nats_url=nats.url, database=await make_database())
        self.log = await connect_log(settings, "test")
        self._ending.push_async_callback(self.log.close)
        await remove_streams(self.log)
        await ensure_streams(self.log, settings)
        self._ending.push_async_callback(remove_streams, self.log)
        self.expected = Expected()
        self.models = await ReadModels.started(self._ending, settings, self.log, self.expected, make_database)
        self.ingest = await Ingest.started(self._ending, settings, self.log, self.expected)

    def teardown(self) -> None:
        try:
            self.account()
        finally:
            self._runner.run(self._ending.aclose())
            self._runner.close()

    # producers

    @rule(sent=st.lists(st.tuples(DRAFTS, PATHS), min_size=1, max_size=6))
    def send(self, sent: list[tuple[Draft, Path]]) -> None:
        async def step() -> None:
            reached = [(draft, path) for draft, path in sent if self.ingest.is_running or path not in NEEDS_COMMAND]
            submissions = [self.expected.submit(draft) for draft, _ in reached]
            for submission, (_, path) in zip(submissions, reached, strict=True):
                await self.ingest.send(submission, path)
            await self.ingest.settle(submissions)

        self.do(step())

    @rule(sent=st.lists(DRAFTS, min_size=2, max_size=6), body=BODIES)
    def post(self, sent: list[Draft], body: Body) -> None:
        async def step() -> None:
            await self.ingest.start()
            submissions = [self.expected.submit(draft) for draft in sent]
            await self.ingest.post(submissions, body)
            await self.ingest.settle(submissions)

        self.do(step())

    @rule(draft=DRAFTS, shared_id=IDS, paths=st.lists(st.tuples(PATHS, st.integers(1, 3)), min_size=2, max_size=6))
    def send_one_id_through_many_paths_at_once(
        self, draft: Draft, shared_id: int, paths: list[tuple[Path, int]]
    ) -> None:
        async def step() -> None:
            await self.ingest.start()
            submissions = [self.expected.submit(replace(draft, shared_id=shared_id, user=user)) for _, user in paths]
            await asyncio.gather(
                *(self.ingest.send(submission, path) for submission, (path, _) in zip(submissions, paths, strict=True))
            )
            await self.ingest.settle(submissions)

        self.do(step())

    # operators

    @rule(start=st.booleans())
    def start_or_stop_the_command_service(self, start: bool) -> None:
        self.do(self.ingest.start() if start else self.ingest.stop())

    @rule(batch_size=BATCH_SIZES)
    def start_a_projector(self, batch_size: int) -> None:
        if len(self.models.projectors) < 2:
            self.models.start(batch_size)

    @rule()
    def stop_the_projectors(self) -> None:
        self.do(self.models.stop())

    @rule(table=st.sampled_from(TABLES), how=st.sampled_from(["kill", "disconnect", "stop"]))
    def interrupt_a_transaction(self, table: str, how: str) -> None:
        async def step() -> None:
            self._project()
            good, bad = Draft("click", shared_id=1_000 + self.expected.sent), Draft("truncated")
            submissions = [self.expected.submit(good), self.expected.submit(bad)]
            async with self.models.holding(table) as until_waiting:
                for submission in submissions:
                    await self.ingest.send(submission, "append")
                await until_waiting()
                if how == "kill":
                    self.models.kill()
                elif how == "disconnect":
                    await self.models.disconnect()
                else:
                    self.models.request_stop()
            if how == "stop":
                await self.models.stop()
            await self.ingest.settle(submissions)

        self.do(step())

    def _project(self) -> None:
        if not self.models.projectors:
            self.models.start(batch_size=100)

    @rule(batch_size=BATCH_SIZES, interruption=INTERRUPTIONS)
    def replay_candidate(self, batch_size: int, interruption: Interruption | None) -> None:
        async def step() -> None:
            candidate = self.models.candidate
            if candidate is not None and candidate.state == "ready":
                with pytest.raises(ConflictError, match="is already finished"):
                    await self.models.replay_candidate(batch_size, None)
                await self.models.drop_old()
            await self.models.replay_candidate(batch_size, interruption)

        self.do(step())

    @rule(batch_size=BATCH_SIZES, interruption=INTERRUPTIONS)
    def replay_separately(self, batch_size: int, interruption: Interruption | None) -> None:
        self.do(self.models.replay_separately(batch_size, interruption))

    @rule()
    def cut_over(self) -> None:
        async def step() -> None:
            await self._catch_up()
            if self.models.candidate is None or self.models.candidate.state == "building":
                with pytest.raises(ConflictError, match=r"builds one|is not finished"):
                    await self.models.swap("cutover")
                await self.models.replay_candidate(batch_size=100, interruption=None)
                await self._catch_up()
            await self.models.swap("cutover")

        self.do(step())

    @rule()
    def roll_back(self) -> None:
        async def step() -> None:
            await self._catch_up()
            if self.models.previous is not None:
                await self.models.swap("rollback")
                return
            with pytest.raises(ConflictError, match="to roll back to"):
                await self.models.swap("rollback")

        self.do(step())

    @rule()
    def drop_old(self) -> None:
        self.do(self.models.drop_old())

    @rule()
    def upgrade(self) -> None:
        async def step() -> None:
            if self.expected.release == NEXT:
                return
            was_running = self.ingest.is_running
            await self.ingest.stop()
            await self.models.upgrade()
            if was_running:
                await self.ingest.start()

        self.do(step())

    @rule()
    def retry_parked(self) -> None:
        self.do(self.models.retry_parked())

    async def _catch_up(self) -> None:
        """Projects into every ready model, and retries parked events after a fix."""
        self._project()
        await self.models.until_projected()
        if self.models.unretried:
            await self.models.retry_parked()

    @rule()
    def account(self) -> None:
        if self._to_close:
            self.do(self._account())
            self._to_close = False

    async def _account(self) -> None:
        await self.ingest.start()
        if self.models.separate is not None:
            await self.models.replay_separately(1_000, None)
        await self._catch_up()
        await check_accounts(self.expected, self.log, self.models)


@pytest.mark.timeout(600)  # hypothesis may take minutes to shrink a failure
def test_the_accounting_closes_for_any_sequence_of_operations(
    nats_server: NatsServer,
    postgres_server: EmbeddedPostgres,
    template_database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("ERROR")  # each parked event is logged, hundreds of times

    class OfThisRun(Accounting):
        servers = nats_server, postgres_server, template_database

    run_state_machine_as_test(OfThisRun, settings=SETTINGS)

"""Read models in every state, their projectors, and interruptions."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.context import ForkServerProcess
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from contracts.upcasting import Upcasters
from migrations.catalogue import Model, list_models, use_model
from migrations.upcasters import load_upcasters
from projection.cutover import Direction, cut_over, drop_old, roll_back
from projection.parked import ParkedEvents
from projection.replay import Step, replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.accounting.drafts import UNSTORABLE_USER
from tests.support.accounting.expected import Expected
from tests.support.accounting.releases import FIRST, UPCASTERS
from tests.support.projector import fork_projector, verifier
from tests.support.waiting import until

MakeDatabase = Callable[[], Awaitable[str]]
"""Creates a migrated, empty database and returns its address."""
TABLES = ("projection_position", "event_ids", "analytics_events", "all_time", "events_by_day", "parked_events")
"""The tables that a projector's transaction writes, in this order."""
SEPARATE_DATABASE = "a database of its own"
"""The name of the model that is replayed into another database."""

REFUSE_USER = f"""
create function refuse() returns event_trigger language plpgsql as $$
declare made record;
begin
    for made in select * from pg_event_trigger_ddl_commands() where object_identity like '%.analytics_events' loop
        execute format(
            'alter table %s add constraint refuse check (user_id <> {UNSTORABLE_USER})', made.object_identity
        );
    end loop;
end $$;
create event trigger refuse on ddl_command_end when tag in ('CREATE TABLE') execute function refuse();
alter table model_1.analytics_events add constraint refuse check (user_id <> {UNSTORABLE_USER});
"""
"""Makes the database refuse one user's events, in present and future models."""


class Interruption(NamedTuple):
    """Interrupts a replay after some steps; it reconnects after a disconnect, and ends after a stop."""

    how: Literal["stop", "disconnect"]
    after: int


class View(NamedTuple):
    """A model and its database; ``name`` is unique among all databases."""

    name: str
    model: Model
    settings: Settings


class ReadModels:
    """The models of one database, and the one of a replay into another database."""

    def __init__(
        self,
        settings: Settings,
        log: LogClient,
        connection: "asyncpg.Connection",
        expected: Expected,
        make_database: MakeDatabase,
    ) -> None:
        self.all: list[Model] = []
        """As of the last refresh."""
        self.separate: Settings | None = None
        self.unretried: set[str] = set()
        """Models that may have parked events that this release can read."""
        self.outdated: set[str] = set()
        """Models with the data of an earlier release."""
        self.projectors: list[ForkServerProcess] = []
        self._settings = settings
        self._log = log
        self._connection = connection
        self._expected = expected
        self._make_database = make_database

    @classmethod
    async def started(
        cls, ending: AsyncExitStack, settings: Settings, log: LogClient, expected: Expected, make_database: MakeDatabase
    ) -> "ReadModels":
        """Returns the models of the database in ``settings``; ``ending`` kills their projectors."""
        connection = await ending.enter_async_context(connect_as_user(settings))
        models = cls(settings, log, connection, expected, make_database)
        ending.callback(models.kill)
        await connection.execute(REFUSE_USER)
        await models._refresh()
        return models

    async def _refresh(self) -> None:
        self.all = await list_models(self._connection)

    @property
    def upcasters(self) -> Upcasters:
        return load_upcasters(self._of_release(self._settings))

    @property
    def live(self) -> Model:
        return next(model for model in self.all if model.live)

    @property
    def candidate(self) -> Model | None:
        """The newest model, if it is not live: replayed, or rolled back from."""
        return self.all[-1] if not self.all[-1].live else None

    @property
    def previous(self) -> Model | None:
        """The model for a rollback."""
        return next((model for model in reversed(self.all) if model.number < self.live.number), None)

    def _of_release(self, settings: Settings, **changes: object) -> Settings:
        return settings.model_copy(update={"upcasters": UPCASTERS[self._expected.release], **changes})

    def start(self, batch_size: int) -> None:
        """Starts one more projector, which is a standby if another one runs."""
        self.projectors.append(fork_projector(self._of_release(self._settings, batch_size=batch_size)))

    def request_stop(self) -> None:
        """Sends SIGTERM: projectors finish their batch."""
        for process in self.projectors:
            process.terminate()

    async def stop(self) -> None:
        """Stops the projectors and waits for their end."""
        self.request_stop()
        await until(self._ended)
        for process in self.projectors:
            assert process.exitcode in (0, -signal.SIGTERM), process.exitcode
        self.projectors = []

    async def _ended(self) -> bool:
        return not any(process.is_alive() for process in self.projectors)

    def kill(self) -> None:
        """Kills the projectors with SIGKILL."""
        for process in self.projectors:
            process.kill()
            process.join()
        self.projectors = []

    async def disconnect(self, settings: Settings | None = None) -> None:
        """Terminates the database connections of all projectors."""
        await self._connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'tailrace-projection' and datname = $1",
            urlsplit((settings or self._settings).dsn).path.lstrip("/"),
        )

    @asynccontextmanager
    async def holding(self, table: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Blocks writes to ``table`` of the live model; yields a function that waits until a projector is blocked."""
        schema = self.live.ledger if table == "event_ids" else self.live.name
        relation = f"{schema}.{table}"

        async def waits() -> bool:
            self._assert_running()
            query = "select exists (select from pg_locks where relation = $1::regclass and not granted)"
            return bool(await self._connection.fetchval(query, relation))

        async with self._connection.transaction():
            await self._connection.execute(f"lock table {relation} in share mode")
            yield lambda: until(waits)

    def _assert_running(self) -> None:
        for process in self.projectors:
            assert process.is_alive(), f"a projector ended by itself with {process.exitcode}"

    async def until_projected(self) -> None:
        """Waits until every ready model is at the log's end."""
        last = (await self._log.state()).last_seq
        for model in self.all:
            query = f"select seq >= {last} from {model.name}.projection_position"

            async def done(query: str = query) -> bool:
                self._assert_running()
                return bool(await self._connection.fetchval(query))

            if model.state == "ready":
                await until(done)

    async def replay_candidate(self, batch_size: int, interruption: Interruption | None) -> None:
        await self._replay(self._settings, batch_size, interruption, candidate=True)
        await self._refresh()

    async def replay_separately(self, batch_size: int, interruption: Interruption | None) -> None:
        if self.separate is None:
            self.separate = self._settings.model_copy(update={"database": await self._make_database()})
            if self._expected.release == FIRST:
                async with connect_as_user(self.separate) as connection:
                    await connection.execute(REFUSE_USER)
        await self._replay(self.separate, batch_size, interruption, candidate=False)

    async def _replay(
        self, settings: Settings, batch_size: int, interruption: Interruption | None, *, candidate: bool
    ) -> None:
        stop = asyncio.Event()
        steps = 0
        breaking: asyncio.Task[None] | None = None

        def interrupt(step: Step) -> None:
            nonlocal steps, breaking
            steps += 1
            if interruption is None or interruption.after != steps:
                return
            if interruption.how == "stop":
                stop.set()
            else:
                breaking = asyncio.create_task(self.disconnect(settings))

        quick = self._of_release(settings, batch_size=batch_size, replay_share=1.0)
        done = await replay(self._log, quick, stop, candidate=candidate, on_step=interrupt)
        if breaking is not None:
            await breaking
        assert done.finished or stop.is_set()

    async def swap(self, direction: Direction) -> None:
        """Verified before, but to a model that is known to show the past; its readers see the other one then."""
        to = self.candidate if direction == "cutover" else self.previous
        check = to is not None and to.name not in self.outdated
        verify = verifier(self._log, self._connection, self.upcasters) if check else None
        done = await (cut_over if direction == "cutover" else roll_back)(self._log, self._connection, verify)
        assert not done.differences, done.differences
        await self._refresh()
        assert to is not None
        assert self.live.name == done.new.name == to.name

    async def drop_old(self) -> None:
        others = [model.name for model in self.all if not model.live]
        assert [model.name for model in await drop_old(self._connection)] == others
        await self._refresh()
        assert [model.name for model in self.all] == [self.live.name]

    def views(self) -> list[View]:
        """Returns every model that is ready."""
        found = [View(model.name, model, self._settings) for model in self.all if model.state == "ready"]
        if self.separate is not None:
            found.append(View(SEPARATE_DATABASE, Model("model_1", "postgres", live=True, state="ready"), self.separate))
        return found

    async def retry_parked(self) -> None:
        """Retries the parked events of every ready model."""
        for view in self.views():
            async with connect_as_user(view.settings) as connection:
                parked = await ParkedEvents.of(connection, view.model)
                async for _ in parked.retry(self.upcasters):
                    pass
            self.unretried.discard(view.name)

    async def upgrade(self) -> None:
        """Stops the projectors; later ones have the next release's upcasters."""
        await self.stop()
        names = {model.name for model in self.all} | ({SEPARATE_DATABASE} if self.separate else set())
        self.unretried |= names
        if self._expected.differs_in(self._expected.release + 1):
            self.outdated |= names
        if self._expected.release == FIRST:
            await self._accept_user(self._connection)
            if self.separate is not None:
                async with connect_as_user(self.separate) as connection:
                    await self._accept_user(connection)
        self._expected.release += 1

    async def _accept_user(self, connection: "asyncpg.Connection") -> None:
        await connection.execute("drop event trigger refuse")
        for model in await list_models(connection):
            await connection.execute(f"alter table {model.name}.analytics_events drop constraint refuse")


@asynccontextmanager
async def connect_as_user(settings: Settings, model: Model | None = None) -> "AsyncIterator[asyncpg.Connection]":
    """Yields a connection as psql has it; with ``model``, on its tables instead of the views."""
    connection = await asyncpg.connect(settings.dsn, server_settings={"timezone": "UTC"})
    try:
        if model is not None:
            await use_model(connection, model)
        yield connection
    finally:
        await connection.close()

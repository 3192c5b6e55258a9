"""Projects one declared projection: with the group while it keeps up, otherwise from a reader of its own."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ConflictError, TailraceError
from contracts.patterns import TypePattern, subject_filters
from migrations.projections import DeclaredModel
from projection.declared.batch import Selection, SharedBatch
from projection.declared.feed import Feed
from projection.declared.group import Group
from projection.declared.source import Source
from projection.declared.store import DeclaredStore
from projection.declared.watchdog import BATCH_TIMEOUT
from runtime.supervise import sleep_until_stop
from tailrace.declared import Definition, matcher

ROLLBACK_TIMEOUT = 10.0
"""Seconds that the database has to answer after a batch was cancelled."""
MOVE_INTERVAL = 1.0
"""Seconds after which a position moves even if no event matches."""
READ_TIMEOUT = 1.0

OpenSource = Callable[[Cursor, list[str]], Source]

logger = logging.getLogger("tailrace.projections")


class Member:
    """The work on one projection."""

    def __init__(
        self,
        model: DeclaredModel,
        definition: Definition,
        store: DeclaredStore,
        turn: asyncio.Lock,
        *,
        batch_size: int,
        share: float,
    ) -> None:
        """``turn``: the lock of the store's connection. ``share``: of the time to work while it reads for itself."""
        self.model = model
        self._store = store
        self._turn = turn
        self._matches = matcher(definition.events)
        self._subjects = subject_filters([TypePattern.parse(pattern) for pattern in definition.events])
        self._batch_size = batch_size
        self._share = share
        self._committed = self._seen = Cursor("", 0)
        self._moved_at = 0.0
        self.group: Group | None = None
        """Those that start at the same position."""

    async def position(self, epoch: str) -> Cursor:
        """Reads the position; ``epoch`` is the log's, for a projection that has seen nothing yet.

        Raises:
            ConflictError: the projection belongs to another epoch.
        """
        async with self._turn:
            self._store.discard()
            found = await self._store.position()
        if found.epoch not in ("", epoch):
            raise ConflictError(
                f"{self.model} belongs to the log {found.epoch}, and this is the log {epoch}: "
                f"`tailrace replay {self.model.name}` builds it from this log"
            )
        self._committed = self._seen = Cursor(epoch, found.seq, found.fingerprint)
        return self._seen

    async def follow(
        self, feed: Feed, open_source: OpenSource, stop: asyncio.Event, caught_up: Callable[[], Awaitable[None]]
    ) -> None:
        """Projects until ``stop`` is set; calls ``caught_up`` each time it joins the group.

        Raises:
            PositionMovedError, LogUnavailableError, asyncpg.PostgresError, OSError: read the position again.
            TailraceError: the projection can't continue.
        """
        try:
            while not stop.is_set():
                if feed.covers(self._seen.seq):
                    await self._flush()
                    await caught_up()
                    logger.info("%s is in the group from log entry %d on", self.model, self._seen.seq)
                    while not stop.is_set() and feed.covers(self._seen.seq):
                        await self._apply(await feed.next(self, self._seen.seq, READ_TIMEOUT))
                elif self.group is not None and self.group.covers(self, self._seen.seq):
                    feed.leave(self)
                    while (
                        not stop.is_set()
                        and not feed.covers(self._seen.seq)
                        and self.group.covers(self, self._seen.seq)
                    ):
                        await self._work(stop, await self.group.next(self, self._seen.seq, READ_TIMEOUT))
                    self.group.leave(self)
                else:
                    feed.leave(self)
                    logger.info("%s reads for itself from log entry %d on", self.model, self._seen.seq)
                    source = open_source(self._seen, self._subjects)
                    try:
                        while not stop.is_set() and not feed.covers(self._seen.seq):
                            await self._catch_up(source, stop)
                    finally:
                        await source.close()
            await self._flush()
        finally:
            feed.leave(self)
            if self.group is not None:
                self.group.leave(self)

    async def build(self, source: Source, end: int, stop: asyncio.Event, on_step: Callable[[Cursor], None]) -> None:
        """Projects up to log entry ``end``, or until ``stop`` is set; raises like ``follow``."""
        while not stop.is_set() and self._seen.seq < end:
            await self._catch_up(source, stop)
            on_step(self._seen)
        await self._flush()

    @property
    def subjects(self) -> list[str]:
        """The subject filters of its event types; [] if it has to read all."""
        return self._subjects

    async def _catch_up(self, source: Source, stop: asyncio.Event) -> None:
        began = time.monotonic()
        batch = await source.read(self._batch_size, READ_TIMEOUT)
        await self._work(stop, batch, began)

    async def _work(self, stop: asyncio.Event, batch: SharedBatch | None, began: float | None = None) -> None:
        """Applies a batch, and rests in proportion to the time since ``began``, by default now."""
        began = began or time.monotonic()
        if batch is not None:
            await self._apply(batch)
            if self._share < 1:
                await sleep_until_stop(stop, (time.monotonic() - began) * (1 / self._share - 1))

    async def _apply(self, batch: SharedBatch | None) -> None:
        if batch is not None:
            selection = batch.select(self._matches, self._seen.seq)
            if selection.events or selection.parked or time.monotonic() - self._moved_at >= MOVE_INTERVAL:
                await self._commit(selection)
            self._seen = batch.position
        else:
            await self._flush()
        async with self._turn:
            await self._store.maintain(idle=batch is None)

    async def _flush(self) -> None:
        """Moves the position to what was seen without an event for the projection."""
        if self._seen.seq > self._committed.seq:
            await self._commit(Selection(self._seen, None, [], []))

    async def _commit(self, selection: Selection) -> None:
        """Commits; fails if the batch is too slow, but not if the database does not even answer its rollback."""
        async with self._turn:
            lost = asyncio.get_running_loop().call_later(BATCH_TIMEOUT + ROLLBACK_TIMEOUT, self._store.terminate)
            try:
                async with asyncio.timeout(BATCH_TIMEOUT):
                    parked = await self._store.commit(selection, self._committed)
            except (TimeoutError, asyncpg.QueryCanceledError):
                raise TailraceError(
                    f"{self.model}: a batch took more than {BATCH_TIMEOUT:g} s, at log entry {selection.position.seq}"
                ) from None
            finally:
                lost.cancel()
        self._committed = selection.position
        self._moved_at = time.monotonic()
        if parked:
            logger.warning("%s parked %d of its events", self.model, parked)

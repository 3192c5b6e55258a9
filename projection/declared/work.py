"""Connections that projections work on, and what makes a projection from its stored definition."""

import asyncio

import asyncpg

from migrations.projections import DeclaredModel
from projection.declared.applier import Applier
from projection.declared.fold import FoldApplier
from projection.declared.loading import load_evolver
from projection.declared.member import Member
from projection.declared.rollup import RollupApplier
from projection.declared.sql import SqlApplier
from projection.declared.store import DeclaredStore
from projection.declared.watchdog import BATCH_TIMEOUT
from projection.ledger import Ledger
from projection.parked_limit import ParkedLimit
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, close, connect
from runtime.settings import Settings
from tailrace.declared import FoldDefinition, RollupDefinition, decode_definition

CLIENT_TIMEOUT = BATCH_TIMEOUT + 5
IDLE_TIMEOUT = 2 * BATCH_TIMEOUT
"""Seconds after which the server ends the transaction of a worker that it has lost."""

TRANSIENT = (
    DatabaseUnavailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    *UNAVAILABLE,
)
"""Errors of the database that are not a projection's fault."""


class Work:
    """A connection that several projections use in turn."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self.connection = connection
        self.turn = asyncio.Lock()
        self.ledger = Ledger(connection)

    @classmethod
    async def open(cls, settings: Settings, ledger: str) -> "Work":
        """Opens a connection; the settings that decide the result of a statement are the same everywhere."""
        return cls(
            await connect(
                settings.dsn,
                name="projections",
                search_path=ledger,
                # no wait for the disk: a server crash loses the position together with the rows
                synchronous_commit="off",
                # the server's limit first: a slow batch is the projection's fault, a server that hangs is not
                limit=CLIENT_TIMEOUT,
                statement_timeout=f"{BATCH_TIMEOUT:g}s",
                idle_in_transaction_session_timeout=f"{IDLE_TIMEOUT:g}s",
                datestyle="ISO, YMD",
                intervalstyle="postgres",
                jit="off",
            )
        )

    async def close(self) -> None:
        """Closes the connection."""
        await close(self.connection)


def make_member(model: DeclaredModel, work: Work, settings: Settings, *, share: float) -> Member:
    """Returns what projects a build on a connection.

    Raises:
        ConfigurationError: the stored code of a ``Fold`` does not load.
    """
    definition = decode_definition(model.definition)
    applier: Applier
    if isinstance(definition, RollupDefinition):
        applier = RollupApplier(model, definition, work.ledger)
    elif isinstance(definition, FoldDefinition):
        applier = FoldApplier(model, definition, load_evolver(model))
    else:
        applier = SqlApplier(model, definition)
    limit = ParkedLimit(settings.parked_stop_ratio, settings.parked_stop_minimum)
    store = DeclaredStore(work.connection, model, applier, limit)
    return Member(model, definition, store, work.turn, batch_size=settings.batch_size, share=share)

"""Answers questions about projections, each from one snapshot."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import asyncpg

from contracts.cursors import Cursor
from migrations.pipeline import measure_lag
from migrations.projections import DeclaredModel, get_live_projection, list_projections
from migrations.rollup_sets import RollupTables
from query.as_of import as_of, cursor_of
from query.database import Snapshot, snapshot
from query.errors import BadParameterError, QueryError
from query.parameters import Identify
from query.projections.cells import read_cells
from query.projections.models import Listed, Projections, Rows, State
from query.projections.question import RowsQuestion
from query.projections.rows import read_rows
from query.waiting import wait_until_projected
from runtime.log.client import LogClient
from runtime.postgres import DatabaseUnavailableError
from tailrace.declared import PAGES, Definition, FoldDefinition, RollupDefinition, decode_definition

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class NoSuchProjectionError(QueryError):
    """No projection of the name is live."""

    status = 404
    title = "Not found"


async def list_all(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> Projections:
    """Returns every version of every projection.

    Raises:
        DatabaseUnavailableError, QueryTimeoutError: the database does not answer in time.
    """
    found = await _read_all(pool, timeout)
    lags = await asyncio.gather(*(measure_lag(log, cursor_of(one.position)) for one in found))
    listed: list[Listed] = []
    for (model, definition, _, row), lag in zip(found, lags, strict=True):
        position = cursor_of(row)
        rollup = definition if isinstance(definition, RollupDefinition) else None
        fold = definition if isinstance(definition, FoldDefinition) else None
        listed.append(
            {
                "name": definition.name,
                "kind": model.kind if model else "rollup",
                "version": definition.version,
                "state": cast("State", model.status) if model else "live",
                "error": model.error if model else None,
                "cursor": str(position) if position.epoch else None,
                "lag_events": lag.events,
                "lag_seconds": lag.seconds,
                "dimensions": list(rollup.by) if rollup else [],
                "measures": list(rollup.measures) if rollup else [],
                "buckets": list(rollup.every) if rollup else [],
                "columns": [*fold.key, *fold.columns] if fold else [],
            }
        )
    return {"projections": sorted(listed, key=lambda one: (one["name"], one["version"]))}


class _Found(NamedTuple):
    """A build of a projection (None: ``pages``, which is built in), and its tables if it is a ``Rollup``."""

    model: DeclaredModel | None
    definition: Definition
    tables: RollupTables
    position: Any


async def _read_all(pool: "asyncpg.Pool", timeout: float) -> list[_Found]:
    for _ in range(3):
        try:
            async with snapshot(pool, timeout) as ask:
                found = [await _declared(ask, model) for model in await list_projections(ask.connection)]
                position = await ask.position()
                return [*found, _pages(position)] if ask.keeps_pages else found
        except asyncpg.UndefinedTableError:
            continue  # one was dropped meanwhile
    raise DatabaseUnavailableError("projections are being dropped")


def _pages(position: Any) -> _Found:
    return _Found(None, PAGES, RollupTables("public", "pages_"), position)


async def _declared(ask: Snapshot, model: DeclaredModel) -> _Found:
    query = f"select epoch, seq, fingerprint, revision from {model.tables.position}"
    position = await ask.connection.fetchrow(query)
    return _Found(model, decode_definition(model.definition), model.tables, position)


async def answer(
    pool: "asyncpg.Pool",
    log: LogClient,
    name: str,
    question: RowsQuestion,
    equal: Mapping[str, str],
    timeout: float,
    identify: Identify,
) -> Rows:
    """Returns the rows of the live version that fit a question; ``equal`` are columns and texts.

    Raises:
        NoSuchProjectionError: no projection of this name is live.
        BadParameterError: the question does not fit the projection.
        NotYetProjectedError, AnotherLogError: it does not reach ``min_cursor``.
        DatabaseUnavailableError, QueryTimeoutError: the database does not answer in time.
    """
    if question.min_cursor is not None:
        await wait_until_projected(lambda: _read_position(pool, name, timeout), Cursor.parse(question.min_cursor))
    try:
        async with snapshot(pool, timeout, _view(name)) as ask:
            model, definition, tables, position = await _live(ask, name)
            if isinstance(definition, RollupDefinition):
                for parameter in equal:
                    raise BadParameterError(
                        f"{parameter[:64]}: unknown parameter; filter a rollup with where={parameter[:64]}:value"
                    )
                found = await read_cells(ask.connection, tables, definition, question, identify)
            else:
                assert model is not None
                found = await read_rows(ask.connection, model, question, equal, identify)
    except asyncpg.UndefinedTableError:
        raise await _unknown(pool, name, timeout) from None
    except asyncpg.DataError as error:
        raise BadParameterError(f"a value does not fit its column: {error}") from None
    lag = await measure_lag(log, cursor_of(position))
    return {
        "name": name,
        "version": definition.version,
        "rows": found.rows,
        "more": found.more,
        "limit_reached": found.limit_reached,
        "as_of": as_of(position, lag),
    }


async def _read_position(pool: "asyncpg.Pool", name: str, timeout: float) -> Any:
    try:
        async with snapshot(pool, timeout, _view(name)) as ask:
            return (await _live(ask, name)).position
    except asyncpg.UndefinedTableError:
        raise await _unknown(pool, name, timeout) from None


def _view(name: str) -> str:
    """Returns the view that a cutover of a projection replaces first."""
    if not _NAME.fullmatch(name):
        raise NoSuchProjectionError(f"{name[:64]!r} is not the name of a projection: GET /projections lists them")
    return "projection_position" if name == PAGES.name else name


async def _live(ask: Snapshot, name: str) -> _Found:
    if name == PAGES.name:
        position = await ask.position()
        if not ask.keeps_pages:
            raise NoSuchProjectionError(
                "the read model was built by a version without pages: `tailrace replay`, then `tailrace cutover`"
            )
        return _pages(position)
    model = await get_live_projection(ask.connection, name)
    if model is None:
        raise NoSuchProjectionError(f"{name!r} is not a projection: GET /projections lists them")
    return await _declared(ask, model)


async def _unknown(pool: "asyncpg.Pool", name: str, timeout: float) -> NoSuchProjectionError:
    async with snapshot(pool, timeout) as ask:
        models = await list_projections(ask.connection, name)
    if models:
        return NoSuchProjectionError(
            f"{name!r} has no live version; version {models[-1].version} is {models[-1].status}"
        )
    return NoSuchProjectionError(f"{name!r} is not a projection: GET /projections lists them")

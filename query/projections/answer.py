"""Answers questions about projections, each from one snapshot."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, cast

import asyncpg

from contracts.cursors import Cursor
from migrations.pipeline import measure_lag
from migrations.projections import DeclaredModel, get_live_projection, list_projections
from query.database import snapshot
from query.errors import BadParameterError, QueryError
from query.parameters import Identify
from query.projections.cells import read_cells
from query.projections.models import AsOf, Listed, Projections, Rows, State
from query.projections.question import RowsQuestion
from query.projections.rows import read_rows
from query.waiting import wait_until_projected
from runtime.log.client import LogClient
from runtime.postgres import DatabaseUnavailableError
from tailrace.declared import FoldDefinition, RollupDefinition, decode_definition

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
    models, positions = await _read_all(pool, timeout)
    lags = await asyncio.gather(*(measure_lag(log, position) for position in positions))
    listed: list[Listed] = []
    for model, position, lag in zip(models, positions, lags, strict=True):
        definition = decode_definition(model.definition)
        rollup = definition if isinstance(definition, RollupDefinition) else None
        fold = definition if isinstance(definition, FoldDefinition) else None
        listed.append(
            {
                "name": model.name,
                "kind": model.kind,
                "version": model.version,
                "state": cast("State", model.status),
                "error": model.error,
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


async def _read_all(pool: "asyncpg.Pool", timeout: float) -> tuple[list[DeclaredModel], list[Cursor]]:
    for _ in range(3):
        try:
            async with snapshot(pool, timeout) as ask:
                models = await list_projections(ask.connection)
                return models, [_cursor(await _position(ask.connection, model)) for model in models]
        except asyncpg.UndefinedTableError:
            continue  # one was dropped meanwhile
    raise DatabaseUnavailableError("projections are being dropped")


async def _position(connection: Any, model: DeclaredModel) -> Any:
    return await connection.fetchrow(
        f"select epoch, seq, fingerprint, revision from {model.schema}.projection_position"
    )


def _cursor(position: Any) -> Cursor:
    return Cursor(position["epoch"], position["seq"], position["fingerprint"])


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
        async with snapshot(pool, timeout, _checked(name)) as ask:
            model = await _live(ask.connection, name)
            position = await _position(ask.connection, model)
            definition = decode_definition(model.definition)
            if isinstance(definition, RollupDefinition):
                for parameter in equal:
                    raise BadParameterError(
                        f"{parameter[:64]}: unknown parameter; filter a rollup with where={parameter[:64]}:value"
                    )
                found = await read_cells(ask.connection, model.schema, definition, question, identify)
            else:
                found = await read_rows(ask.connection, model, question, equal, identify)
    except asyncpg.UndefinedTableError:
        raise await _unknown(pool, name, timeout) from None
    except asyncpg.DataError as error:
        raise BadParameterError(f"a value does not fit its column: {error}") from None
    projected = _cursor(position)
    lag = await measure_lag(log, projected)
    as_of: AsOf = {
        "cursor": str(projected) if projected.epoch else None,
        "revision": position["revision"],
        "lag_events": lag.events,
        "lag_seconds": lag.seconds,
    }
    return {
        "name": name,
        "version": model.version,
        "rows": found.rows,
        "more": found.more,
        "limit_reached": found.limit_reached,
        "as_of": as_of,
    }


async def _read_position(pool: "asyncpg.Pool", name: str, timeout: float) -> Any:
    try:
        async with snapshot(pool, timeout, _checked(name)) as ask:
            return await _position(ask.connection, await _live(ask.connection, name))
    except asyncpg.UndefinedTableError:
        raise await _unknown(pool, name, timeout) from None


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NoSuchProjectionError(f"{name[:64]!r} is not the name of a projection: GET /projections lists them")
    return name


async def _live(connection: Any, name: str) -> DeclaredModel:
    model = await get_live_projection(connection, name)
    if model is None:
        raise NoSuchProjectionError(f"{name!r} is not a projection: GET /projections lists them")
    return model


async def _unknown(pool: "asyncpg.Pool", name: str, timeout: float) -> NoSuchProjectionError:
    async with snapshot(pool, timeout) as ask:
        models = await list_projections(ask.connection, name)
    if models:
        return NoSuchProjectionError(
            f"{name!r} has no live version; version {models[-1].version} is {models[-1].status}"
        )
    return NoSuchProjectionError(f"{name!r} is not a projection: GET /projections lists them")

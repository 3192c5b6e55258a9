"""Grafana's queries: allowed to its role, by index, fast where there is much, quiet where there is nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from migrations.roles import ensure_reader
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.compose import read_compose
from tests.support.grafana import ALL, FOLDER, expand, provisioned, queries
from tests.support.servers import database_from
from tools.benchmarks.filling import Contents, fill_model
from tools.benchmarks.progress import Progress
from tools.grafana.files import files

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
LIMIT = 20.0
"""Seconds for one query, here a fraction of one: what joins everything with everything takes longer."""
RANGES = [(NOW - 2 * HOUR, NOW), (NOW - 3 * DAY, NOW), (NOW - 20 * DAY, NOW - DAY)]


async def test_grafanas_role_may_ask_everything_and_reads_by_index(
    postgres_server: EmbeddedPostgres, template_database: str
) -> None:
    async with database_from(postgres_server, template_database) as dsn:
        owner = await asyncpg.connect(dsn)
        await ensure_reader(owner, "grafana_reader", "secret")
        address = dsn.rsplit("@", 1)[1]
        reader = await asyncpg.connect(f"postgresql://grafana_reader:secret@{address}")
        await reader.execute("set enable_seqscan = off")
        for start, end in RANGES:
            for query in queries():
                sql = expand(query.sql, start, end, {"event_type": [ALL]})
                await reader.fetch(sql)
                plan = "\n".join(row[0] for row in await reader.fetch(f"explain {sql}"))
                for table in ("analytics_events", "events_by_", "user_sets"):
                    assert f"Seq Scan on {table}" not in plan, f"{query}\n{plan}"
        await reader.close()
        await owner.close()


async def test_every_query_ends_where_there_are_many_events(
    of_each_flavour: str, request: pytest.FixtureRequest
) -> None:
    """TimescaleDB in WASM gets a tenth of the events: it is some ten times as slow."""
    owner = await asyncpg.connect(of_each_flavour)
    contents = Contents(
        10_000 if request.node.callspec.params["of_each_flavour"] == "wasm" else 100_000, 5_000, 20, NOW
    )
    await fill_model(Settings(database=of_each_flavour), contents, Progress())
    await ensure_reader(owner, "grafana_reader", "secret")
    await owner.execute("set role grafana_reader")
    await owner.execute(f"set statement_timeout = {int(LIMIT * 1000)}")
    for start, end in RANGES:
        for query in queries():
            try:
                async with asyncio.timeout(LIMIT):
                    await owner.fetch(expand(query.sql, start, end, {"event_type": [ALL]}))
            except (TimeoutError, asyncpg.QueryCanceledError):
                pytest.fail(f"{query.where}, {query.title}: more than {LIMIT} s for {end - start}")
    await owner.close()


async def test_an_empty_database_is_no_error_and_no_alarm(connection: "asyncpg.Connection") -> None:
    for query in queries():
        rows = await connection.fetch(expand(query.sql, *RANGES[0], {"event_type": [ALL]}))
        if query.where == "alerts" and query.title != "No report":
            assert all(row[0] == 0 for row in rows), query


def test_the_files_are_what_the_code_makes() -> None:
    made = {str(place): text for place, text in files()}
    committed = {
        str(file.relative_to(FOLDER)): file.read_text()
        for file in FOLDER.rglob("*")
        if file.suffix in (".json", ".yaml")
    }
    assert committed == made, "./just dashboards writes them anew"


def test_everything_is_provisioned_where_the_containers_look() -> None:
    grafana = read_compose("docker-compose.yml", {})["services"]["grafana"]
    [provider] = provisioned("dashboards/dashboards.yaml")["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    [source] = provisioned("datasources/database.yaml")["datasources"]
    named = {source["jsonData"]["database"], source["secureJsonData"]["password"]}
    assert {name.removeprefix("$") for name in named} <= grafana["environment"].keys()
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / "dashboards" / home.rsplit("/", 1)[1]).is_file()

"""Grafana's queries: allowed to its role, by index, in time over many events, and without alerts over none."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from migrations.roles import ensure_reader
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.compose import read_compose
from tests.support.grafana import ALL, FOLDER, expand, provisioned, queries
from tests.support.projector import running_projector, until_projected
from tests.support.servers import NatsServer, database_from
from tools.benchmarks.workload import Workload, publishing
from tools.grafana.files import files

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
LIMIT = 20.0
"""Seconds for one query, which needs a fraction of one: a query that joins everything with everything takes longer."""
RANGES = [(NOW - 2 * HOUR, NOW), (NOW - 3 * DAY, NOW), (NOW - 20 * DAY, NOW - DAY)]


async def test_grafanas_role_may_run_every_query_and_reads_by_index(
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


async def test_every_query_ends_in_time_over_many_events(
    nats_server: NatsServer, log: LogClient, of_each_flavour: str, request: pytest.FixtureRequest
) -> None:
    """TimescaleDB in WASM gets fewer events: it is some ten times as slow."""
    settings = Settings(nats_url=nats_server.url, database=of_each_flavour)
    entries = 5_000 if request.node.callspec.params["of_each_flavour"] == "wasm" else 100_000
    async with publishing(nats_server.url) as publisher:
        await publisher.publish_all(Workload(entries, users=5_000, days=20))
    owner = await asyncpg.connect(of_each_flavour)
    async with running_projector(settings) as task:
        await until_projected(owner, log, task, timeout=100)
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


async def test_an_empty_database_causes_no_error_and_no_alert(connection: "asyncpg.Connection") -> None:
    for query in queries():
        rows = await connection.fetch(expand(query.sql, *RANGES[0], {"event_type": [ALL]}))
        if query.where == "alerts" and query.title != "No report":
            assert all(row[0] == 0 for row in rows), query


def test_the_committed_files_equal_the_generated_ones() -> None:
    made = {str(place): text for place, text in files()}
    committed = {
        str(file.relative_to(FOLDER)): file.read_text()
        for file in FOLDER.rglob("*")
        if file.suffix in (".json", ".yaml")
    }
    assert committed == made, "run ./just dashboards"


def test_the_containers_mount_every_provisioned_file() -> None:
    grafana = read_compose("docker-compose.yml", {})["services"]["grafana"]
    [provider] = provisioned("dashboards/dashboards.yaml")["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    [source] = provisioned("datasources/database.yaml")["datasources"]
    named = {source["jsonData"]["database"], source["secureJsonData"]["password"]}
    assert {name.removeprefix("$") for name in named} <= grafana["environment"].keys()
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / "dashboards" / home.rsplit("/", 1)[1]).is_file()

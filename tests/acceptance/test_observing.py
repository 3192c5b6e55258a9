"""Metrics, traces, health and structured logs of one run of all three services."""

import asyncio
import json
import re
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import nats
import pytest
from dirty_equals import IsPartialDict, IsPositiveInt, IsStr
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.metrics import Family, families, listed_metrics, rows
from tests.support.processes import run_tailrace, start_service
from tests.support.servers import NatsServer, database_from, remove_streams
from tests.support.trace_collector import Collector, Span, running_collector
from tests.support.waiting import until

SERVICES = ("command", "projection", "query")
POSTED = "0af7651916cd43dd8448eb211c80319c"
PUBLISHED = "1bf7651916cd43dd8448eb211c80319c"
ID = "01998f3c-7c00-7000-8000-000000000001"
GOOD = {"event_id": ID, "event_type": "page_view", "user_id": 1, "event_data": {}}


def traceparent(trace: str, sampled: str = "01") -> dict[str, str]:
    """Returns the header of a foreign span in a trace."""
    return {"traceparent": f"00-{trace}-b7ad6b7169203331-{sampled}"}


class Observed(NamedTuple):
    """The observations of a run with three stored events, one duplicate and one rejected."""

    settings: Settings
    metrics: dict[str, list[Family]]
    health: dict[str, tuple[int, Any, int]]
    samples: list[dict[str, Any]]
    status: dict[str, Any]
    health_codes: dict[str, int]
    posted: list[Span]
    published: list[Span]
    spans: list[Span]
    logs: dict[str, list[str]]


@pytest.fixture(scope="module")
def observed(
    nats_server: NatsServer,
    postgres_server: EmbeddedPostgres,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Observed:
    return asyncio.run(_observe(nats_server, postgres_server, template_database, tmp_path_factory.mktemp("observed")))


async def _observe(nats_server: NatsServer, postgres_server: EmbeddedPostgres, template: str, folder: Path) -> Observed:
    async with database_from(postgres_server, template) as database:
        settings = Settings(
            nats_url=nats_server.url,
            database=database,
            command_port=free_port(),
            query_port=free_port(),
            projection_port=free_port(),
        )
        log = await connect_log(settings, "test")
        await remove_streams(log)
        try:
            with running_collector() as collector, pytest.MonkeyPatch.context() as patch:
                patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
                patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
                patch.setenv("TAILRACE_LOG_FORMAT", "json")
                return await _run(settings, collector, folder)
        finally:
            await remove_streams(log)
            await log.close()


async def _run(settings: Settings, collector: Collector, folder: Path) -> Observed:
    urls = {name: f"http://127.0.0.1:{getattr(settings, f'{name}_port')}" for name in SERVICES}
    outputs = {name: folder / f"{name}.log" for name in SERVICES}
    with ExitStack() as started:
        for name in SERVICES:
            output = started.enter_context(outputs[name].open("wb"))
            process = start_service(settings, "serve", name, stderr=output)
            started.callback(process.wait, 20)
            started.callback(process.terminate)
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            for url in urls.values():
                await until(lambda url=url: _ready(http, url))  # type: ignore[misc]
            await _use(settings, http, urls)
            names = {"tailrace-command POST /events", "tailrace-command append", "tailrace-projection project"}
            posted = collector.wait_for(POSTED, names)
            names = {"tailrace-command analytics process", "tailrace-command append", "tailrace-projection project"}
            published = collector.wait_for(PUBLISHED, names)
            samples = await _samples(settings.dsn)
            health = {name: await _health(http, url) for name, url in urls.items()}
            scraped = {name: (await http.get(f"{url}/metrics")).text for name, url in urls.items()}
        health_codes = {name: run_tailrace(settings, "health", name).returncode for name in SERVICES}
        status = json.loads(run_tailrace(settings, "status", "--json").stdout)
    metrics = {name: families(text_string_to_metric_families(text)) for name, text in scraped.items()}
    logs = {name: output.read_text().splitlines() for name, output in outputs.items()}
    return Observed(
        settings, metrics, health, samples, status, health_codes, posted, published, list(collector.spans), logs
    )


async def _use(settings: Settings, http: httpx.AsyncClient, urls: dict[str, str]) -> None:
    """Stores three events: one posted, one published, one posted in a trace that is not sampled."""
    posted = await http.post(f"{urls['command']}/events", json=GOOD, headers=traceparent(POSTED))
    assert posted.status_code == 202
    assert (await http.post(f"{urls['command']}/events", json=GOOD)).json()["accepted"] == 1
    assert (await http.post(f"{urls['command']}/events", json={"user_id": 1})).status_code == 422
    other = {**GOOD, "event_id": ID[:-1] + "2", "event_type": "order"}
    answer = await http.post(f"{urls['command']}/events", json=other, headers=traceparent("2" * 32, "00"))
    assert answer.status_code == 202
    client = await nats.connect(settings.nats_url)
    published = json.dumps({**GOOD, "event_id": ID[:-1] + "3"}).encode()
    await client.jetstream().publish("analytics", published, headers=traceparent(PUBLISHED))
    await client.close()
    for path in ("/nowhere", "/events/" + ID, "/stats?event_type=one", "/stats?event_type=two"):
        await http.get(urls["query"] + path)

    async def counted() -> bool:
        return bool((await http.get(f"{urls['query']}/stats")).json()["totals"]["events"] == 3)

    await until(counted)
    async with connect(f"{urls['query'].replace('http', 'ws')}/ws?from=nowhere", proxy=None) as socket:
        with suppress(Exception):
            await socket.recv()


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    with suppress(httpx.HTTPError):
        return (await http.get(f"{url}/health/ready")).status_code == 200
    return False


async def _health(http: httpx.AsyncClient, url: str) -> tuple[int, Any, int]:
    ready, live = await http.get(f"{url}/health/ready"), await http.get(f"{url}/health/live")
    return ready.status_code, ready.json(), live.status_code


async def _samples(dsn: str) -> list[dict[str, Any]]:
    """Waits for a sample that contains all events; returns the samples."""
    connection = await asyncpg.connect(dsn)
    try:

        async def seen() -> bool:
            return bool(await connection.fetchval("select max(projected_seq) >= 3 from pipeline_samples"))

        await until(seen)
        return [dict(row) for row in await connection.fetch("select * from pipeline_samples order by sampled_at")]
    finally:
        await connection.close()


def values(observed: Observed, service: str, name: str) -> dict[tuple[str, ...], float]:
    """Returns the samples of one metric by the values of their labels."""
    for family in observed.metrics[service]:
        if family.name == name:
            return family.values
    raise AssertionError(f"{service} has no {name}")


def test_every_service_is_live_and_ready(observed: Observed) -> None:
    assert observed.health == {
        "command": (200, {"status": "ok", "log": "ok"}, 200),
        "projection": (200, {"status": "ok", "log": "ok", "models": "ok"}, 200),
        "query": (200, {"status": "ok", "database": "ok", "log": "ok"}, 200),
    }
    assert observed.health_codes == dict.fromkeys(SERVICES, 0)


def test_the_page_lists_exactly_the_metrics_that_are_served(observed: Observed) -> None:
    served = {
        (service, family.name, family.kind, family.meaning)
        for service in SERVICES
        for family in observed.metrics[service]
    }
    listed = listed_metrics()
    there = {(service, one.name, one.kind, one.meaning) for one in listed for service in one.services}
    assert served == there, f"docs/metrics.md should have these rows:\n{rows(observed.metrics)}"
    labels = {one.name: one.labels for one in listed}
    for service in SERVICES:
        for family in observed.metrics[service]:
            assert not family.values or set(family.labels) == set(labels[family.name]), family.name


def test_metrics_count_what_happened(observed: Observed) -> None:
    assert values(observed, "command", "tailrace_ingested_events") == {
        ("stored",): 3,
        ("duplicate",): 1,
        ("rejected",): 1,
        ("unstored",): 0,
    }
    assert values(observed, "command", "tailrace_rejected_events") == {("missing_field",): 1}
    projected = values(observed, "projection", "tailrace_projected_entries")
    assert projected == {("model_1", "stored"): 3, ("model_1", "duplicate"): 0, ("model_1", "parked"): 0}
    assert values(observed, "projection", "tailrace_projector_active") == {("model_1",): 1}
    assert values(observed, "projection", "tailrace_log_last_sequence") == {(): 3}
    assert values(observed, "projection", "tailrace_lag_events") == {(): 0}
    assert values(observed, "query", "tailrace_live_closed") == {("3501",): 1}
    assert values(observed, "query", "tailrace_live_sequence") == {(): 3}


def test_labels_have_few_values(observed: Observed) -> None:
    handlers = {labels[0] for labels in values(observed, "query", "tailrace_http_request_duration_seconds")}
    assert handlers >= {"/stats", "/events/{event_id}", "none"}
    text = json.dumps([sorted(family.values) for family in observed.metrics["query"]])
    assert not re.search(rf"nowhere|{ID}|one|two", text.replace("none", ""))


def test_a_trace_goes_from_the_request_over_the_log_to_the_transaction(observed: Observed) -> None:
    by_name = {f"{span.service} {span.name}": span for span in observed.posted}
    request, append = by_name["tailrace-command POST /events"], by_name["tailrace-command append"]
    project = by_name["tailrace-projection project"]
    assert request.parent == "b7ad6b7169203331"
    assert append.parent == request.id
    assert project.parent == append.id
    assert project.attributes == {"tailrace.sequence": 1}
    [batch] = [span for span in observed.spans if (span.id,) == project.links]
    assert batch.attributes == IsPartialDict(
        {"tailrace.model": "model_1", "messaging.batch.message_count": IsPositiveInt()}
    )


def test_a_nats_clients_message_is_traced_through_the_inbox(observed: Observed) -> None:
    by_name = {f"{span.service} {span.name}": span for span in observed.published}
    process, append = by_name["tailrace-command analytics process"], by_name["tailrace-command append"]
    assert (process.parent, append.parent) == ("b7ad6b7169203331", process.id)
    assert by_name["tailrace-projection project"].parent == append.id


def test_a_trace_that_is_not_sampled_exports_nothing(observed: Observed) -> None:
    assert [span for span in observed.spans if span.trace == "2" * 32] == []


def test_a_sample_has_the_positions_of_log_and_model(observed: Observed) -> None:
    last = observed.samples[-1]
    assert last == IsPartialDict(
        log_first_seq=1,
        log_last_seq=3,
        log_entries=3,
        inbox_waiting=0,
        rejected=0,
        model="model_1",
        projected_seq=3,
        lag_events=0,
        lag_seconds=0.0,
        parked=0,
        late_pending=0,
        log_bytes=IsPositiveInt(),
        database_bytes=IsPositiveInt(),
    )


def test_status_shows_the_services(observed: Observed) -> None:
    assert observed.status == IsPartialDict(
        problems=[],
        lag_events=0,
        services=IsPartialDict(
            command=IsPartialDict(answers=True, problem=None),
            projection=IsPartialDict(answers=True, problem=None),
            query=IsPartialDict(answers=True, problem=None, live_clients=0),
        ),
        log=IsPartialDict(server=IsStr(regex=r"NATS \d+\.\d+\.\d+.*")),
        read_model=IsPartialDict(projectors={"active": 1, "standby": 0}),
    )


@pytest.mark.parametrize("service", SERVICES)
def test_json_logs_have_one_object_per_line(observed: Observed, service: str) -> None:
    lines = [json.loads(line) for line in observed.logs[service]]
    assert lines
    for line in lines:
        assert line == IsPartialDict(service=service, level=IsStr, logger=IsStr(regex=r"tailrace.*"), message=IsStr)
        assert datetime.fromisoformat(line["time"]).tzinfo is not None

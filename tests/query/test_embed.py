"""The badge and the embedded chart: what they show, and what pages of other sites may do with them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import asyncpg
import httpx
import pytest

from runtime.access.keys import KeyStore
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.events import event, log_events
from tests.support.processes import running_service
from tests.support.projector import project
from tests.support.waiting import until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOLE = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-05T00:00:00Z", "bucket": "day"}
SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}


@pytest.fixture
async def counted(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> QueryService:
    """Four events of two users on two of four days."""
    days = [event("order", user, NOON + timedelta(days=day)) for user, day in ((1, 0), (1, 0), (2, 0), (1, 2))]
    await log_events(log, [*days, event("click", 3, NOON)])
    await project(settings, log, connection)
    return query


@pytest.mark.parametrize(
    ("question", "label", "number"),
    [
        ({"event_type": "order"}, "order events", "4"),
        ({"metric": "users", "event_type": "order", **WHOLE}, "order users", "2"),
        ({"label": "<b>&"}, "<b>&", "5"),
    ],
)
async def test_a_badge_shows_a_label_and_a_number(
    counted: QueryService, question: dict[str, str], label: str, number: str
) -> None:
    answer = await counted.http.get("/badge.svg", params=question, headers=SITE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    texts = [one.text for one in ElementTree.fromstring(answer.text).iter() if one.tag.endswith("}text")]
    assert texts == [label, number]


@pytest.mark.parametrize(
    ("metric", "number", "heights"), [("events", "4", ["100", "33.3"]), ("users", "2", ["100", "50"])]
)
async def test_an_embedded_page_shows_the_number_and_a_bar_per_bucket(
    counted: QueryService, metric: str, number: str, heights: list[str]
) -> None:
    question = {"metric": metric, "event_type": "order", "theme": "dark", **WHOLE}
    answer = await counted.http.get("/embed", params=question)
    assert answer.status_code == 200
    assert f"<strong>{number}</strong>" in answer.text
    bars = re.findall(r'<rect x="(\d)\.1" [^>]* height="([0-9.]+)"', answer.text)
    assert bars == list(zip("02", heights, strict=True))
    assert 'data-theme="dark"' in answer.text
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("question", [{"from": "soon"}, {"metric": "money"}, {"bucket": "year"}, {"x": "1"}])
async def test_a_bad_question_is_a_problem(query: QueryService, question: dict[str, str]) -> None:
    for path in ("/badge.svg", "/embed"):
        answer = await query.http.get(path, params=question)
        assert (answer.status_code, answer.json()["title"]) == (422, "Bad parameter")


async def test_a_listed_origin_may_frame_the_page(settings: Settings, log: LogClient) -> None:
    async with running_query(settings.model_copy(update={"allowed_origins": "https://shop.example"})) as query:
        framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        answer = await query.http.get("/embed", headers=framed)
    assert "frame-ancestors 'self' https://shop.example" in answer.headers["content-security-policy"]


@pytest.fixture
async def with_keys(settings: Settings, log: LogClient) -> AsyncIterator[httpx.AsyncClient]:
    """A query service that asks for keys."""
    await KeyStore(log).create("read")
    url = f"http://127.0.0.1:{settings.query_port}"
    with running_service(settings, "serve", "query", TAILRACE_REQUIRE_KEYS="true"):
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:

            async def answers() -> bool:
                try:
                    return (await http.get("/health/live")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(answers)
            yield http


async def test_an_embed_key_permits_its_question_and_no_other(with_keys: httpx.AsyncClient, log: LogClient) -> None:
    store = KeyStore(log)
    key = await store.create("embed", question="/embed?event_type=order&from=-24h", origins=["https://shop.example"])
    own = f"/embed?from=-24h&key={key.text}&event_type=order"

    async def known() -> bool:
        return (await with_keys.get(own)).status_code == 200

    await until(known)
    answer = await with_keys.get(own, headers=SITE)
    assert "frame-ancestors 'self' https://shop.example" in answer.headers["content-security-policy"]
    asked = "event_type=order&from=-24h"
    for path in ("/embed?event_type=order&from=-48h", "/embed?event_type=order", f"/badge.svg?{asked}"):
        assert (await with_keys.get(f"{path}&key={key.text}")).status_code == 403
    bearer = {"Authorization": f"Bearer {key.text}"}
    for path in (f"/stats?{asked}", "/events", "/status"):
        assert (await with_keys.get(path, headers=bearer)).status_code == 403
        assert (await with_keys.get(f"{path}{'&' if '?' in path else '?'}key={key.text}")).status_code == 401
    assert (await with_keys.get(f"/embed?{asked}")).status_code == 401
    await store.revoke(key.key.id)

    async def refused() -> bool:
        return (await with_keys.get(own)).status_code == 401

    await until(refused)

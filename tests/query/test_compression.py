"""Answers of more than 1 kB are compressed for clients that accept it; streams are not."""

import asyncio
import gzip

import brotli
import httpx

from runtime.log.client import LogClient
from tests.query.conftest import QueryService
from tests.support.events import log_events, some_events


async def test_large_answers_are_compressed(query: QueryService) -> None:
    plain = await query.http.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    async with query.http.stream("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(raw) == plain.content
    assert int(answer.headers["content-length"]) == len(raw) < len(plain.content)


async def test_clients_that_accept_brotli_receive_it(query: QueryService) -> None:
    plain = await query.http.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    for accepted, encoding in (("gzip, deflate, br", "br"), ("BR;q=0.5", "br"), ("br;q=0, gzip", "gzip")):
        async with query.http.stream("GET", "/openapi.json", headers={"Accept-Encoding": accepted}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == (encoding, "Accept-Encoding")
        assert int(answer.headers["content-length"]) == len(raw)
        decoded = brotli.decompress(raw) if encoding == "br" else gzip.decompress(raw)
        assert decoded == plain.content


async def test_small_answers_and_streams_are_not_compressed(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(200))
    headers = {"Accept-Encoding": "gzip, br"}
    assert "content-encoding" not in (await query.http.get("/health/live", headers=headers)).headers
    async with query.http.stream("GET", "/sse?from=earliest", headers=headers) as stream:
        assert "content-encoding" not in stream.headers
        async with asyncio.timeout(30):
            async for text in stream.aiter_text():
                if '"event_id"' in text:
                    break


async def test_an_answer_keeps_its_etag_whether_compressed_or_not(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(3))
    path = "/stats?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z&bucket=day"
    answers: list[httpx.Response] = [
        await query.http.get(path, headers={"Accept-Encoding": encoding}) for encoding in ("gzip", "br", "identity")
    ]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", "br", None]
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert answers[0].json()["series"] == answers[1].json()["series"] == answers[2].json()["series"]
    again = await query.http.get(path, headers={"If-None-Match": answers[0].headers["etag"]})
    assert again.status_code == 304
